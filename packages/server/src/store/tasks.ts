import {
  type Attempt,
  type AttemptState,
  type DiffStats,
  type Effort,
  type EventBody,
  type FailureReason,
  type Mode,
  type Phase,
  type PublicationState,
  type Question,
  statusInWords,
  type TaskKind,
  type TaskPart,
  type TaskSummary,
  type TurnLimits,
  taskStatus,
  type User,
  type WaitingFor,
} from "@farhand/protocol";
import { branchName } from "../domain/branch.ts";
import { newId } from "../domain/id.ts";
import type { Image } from "../domain/images.ts";
import { UserError } from "../domain/user-error.ts";
import { clean, type Queries, type Statement, sql } from "./db.ts";
import { appendEvents } from "./event-log.ts";
import { addImages } from "./images.ts";
import { lastAttempts } from "./turns.ts";

export type TaskDraft = {
  kind?: TaskKind;
  environment: { id: string; name: string; version: number };
  title: string;
  /** Absent: yes, so that it stays; else the change that comes out gives the title. */
  titleGiven?: boolean;
  prompt: string;
  ref: string | null;
  mode: Mode;
  model: string;
  /** Absent: yes; else it is the usual one. */
  modelGiven?: boolean;
  effort?: Effort | undefined;
  priority: number;
  limits?: TurnLimits;
  attempts: number;
  images?: readonly Image[];
};

/** Task, turn, attempts and their events in one transaction; workers are woken when it commits. */
export async function createTask(tx: Queries, user: User, draft: TaskDraft): Promise<string> {
  const id = newId("task");
  const { kind = "work", environment, title, titleGiven = true, prompt, ref, mode, model, effort, priority, attempts } = draft;
  const { modelGiven = true, images = [], limits = {} } = draft;
  await tx.query(sql`
    insert into task (id, kind, title, title_given, mode, model, environment_id, environment_version, ref, branch, priority, created_by)
    values (${id}, ${kind}, ${title}, ${titleGiven}, ${mode}, ${model}, ${environment.id}, ${environment.version}, ${ref}, ${branchName(title, id)}, ${priority}, ${user.id})`);
  await tx.query(
    sql`insert into turn (task_id, number, prompt, effort, limits, created_by) values (${id}, 1, ${prompt}, ${effort ?? null}, ${JSON.stringify(limits)}::jsonb, ${user.id})`,
  );
  await addImages(tx, id, 1, images);
  for (let number = 1; number <= attempts; number++)
    await tx.query(
      sql`insert into attempt (id, task_id, turn, number, user_id, priority) values (${newId("att")}, ${id}, 1, ${number}, ${user.id}, ${priority})`,
    );
  await appendEvents(tx, id, null, [
    {
      type: "task.created",
      title,
      mode,
      model,
      ...(!modelGiven && { modelIsUsual: true as const }),
      ...(effort && { effort }),
      environment: environment.name,
      environmentVersion: environment.version,
      attempts,
      by: user.name,
    },
    { type: "turn.started", turn: 1, prompt, by: user.name, ...(images.length > 0 && { images: images.length }) },
  ]);
  await tx.query(sql`select pg_notify('farhand_queue', '')`);
  return id;
}

/** The limits that decide why an attempt waits; the same numbers as in `claim`. */
export type QueueLimits = { maxRuns: number; maxRunsPerUser: number };

type AttemptRow = {
  id: string;
  number: number;
  state: AttemptState["state"];
  run: number;
  phase: Phase | null;
  reason: FailureReason | null;
  stats: DiffStats | null;
  stopped: boolean;
  question: Question | null;
};
type PublicationRow = {
  state: PublicationState["state"];
  branch: string;
  turn: number;
  attempt: number;
  pushed: string | null;
  detail: string | null;
};
type Row = {
  id: string;
  kind: TaskKind;
  title: string;
  mode: Mode;
  model: string;
  effort: Effort | null;
  limits: TurnLimits;
  environment_id: string;
  environment_name: string;
  environment_version: number;
  ref: string | null;
  base_commit: string | null;
  user_id: string;
  user_name: string;
  created_at: Date;
  updated_at: Date;
  archived_at: Date | null;
  turn: number;
  change_turn: number;
  chosen: number | null;
  attempts: AttemptRow[];
  publication: PublicationRow | null;
  running: number;
  running_of_user: number;
  workers: number;
};

const CHANGE_TURN = "coalesce((select max(c.number) from turn c where c.task_id = t.id and coalesce(c.mode, t.mode) = 'code'), 1)";

const columns = `
  select t.id, t.kind, t.title, coalesce(n.mode, t.mode) as mode, ${CHANGE_TURN} as change_turn, coalesce(n.model, t.model) as model, n.effort, n.limits, n.number as turn, n.chosen, t.environment_id, e.name as environment_name, t.environment_version, t.ref, t.base_commit,
    u.id as user_id, u.name as user_name, t.created_at, t.updated_at, t.archived_at,
    (select json_agg(json_build_object('id', a.id, 'number', a.number, 'state', a.state, 'run', a.run, 'phase', a.phase, 'reason', a.reason, 'stats', a.stats, 'stopped', a.stopped, 'question', a.question) order by a.number)
      from attempt a where a.task_id = t.id and a.turn = n.number) as attempts,
    (select json_build_object('state', p.state, 'branch', p.branch, 'turn', a.turn, 'attempt', a.number, 'pushed', p.pushed, 'detail', p.detail)
      from publication p join attempt a on a.id = p.attempt_id where p.task_id = t.id) as publication,
    counts.running, (select count(*) from attempt a where a.state = 'running' and a.user_id = t.created_by) as running_of_user, counts.workers
  from task t join environment e on e.id = t.environment_id join users u on u.id = t.created_by
      cross join lateral (select * from turn where task_id = t.id order by number desc limit 1) n,
    (select (select count(*) from attempt where state = 'running') as running,
      (select count(*) from worker where seen_at > now() - interval '1 minute' and missing = '[]') as workers) counts`;

/** Members see their own tasks, administrators all. Throws UserError `not-found` also where the task is somebody else's. */
export async function getTask(db: Queries, user: User, id: string, limits: QueueLimits): Promise<TaskSummary> {
  const [row] = await db.query<Row>({
    text: `${columns} where t.id = $1 and ($2 or t.created_by = $3)`,
    values: [id, user.role === "administrator", user.id],
  });
  if (!row) throw new UserError("not-found", `there is no task ${id}: farhand list shows yours`);
  return fromRow(row, limits);
}

/** Those of these tasks that the user may see in a list, newest first. */
export async function tasksById(db: Queries, user: User, ids: readonly string[], limits: QueueLimits): Promise<TaskSummary[]> {
  if (ids.length === 0) return [];
  const rows = await db.query<Row>({
    text: `${columns} where t.id = any($1::text[]) and t.kind = 'work' and ($2 or t.created_by = $3) order by t.created_at desc, t.id desc`,
    values: [ids, user.role === "administrator", user.id],
  });
  return rows.map((row) => fromRow(row, limits));
}

/** Ids of those that wait for a run and that the user may see, the next one first. */
export async function waitingTasks(db: Queries, user: User, limit: number): Promise<string[]> {
  const rows = await db.query<{ id: string }>(sql`
    select a.task_id as id from attempt a join task t on t.id = a.task_id
    where a.state = 'queued' and (${user.role === "administrator"} or t.created_by = ${user.id})
    order by a.priority desc, a.queued_at, a.id limit ${limit}`);
  return [...new Set(rows.map(({ id }) => id))];
}

/**
 * `view` null = all that are not archived; ids of an environment and a person, the address of a repository as the environment has it now, words in title,
 * environment or creator: null = any.
 */
export type TaskFilter = {
  view: TaskPart | null;
  environment: string | null;
  repository: string | null;
  person: string | null;
  query: string | null;
};

/** Where the column `part` is kept, and by what: migrations/0021-task-part.sql. */
const VIEWS: Record<TaskPart, string> = {
  open: "t.archived_at is null and t.part <> 'done'",
  active: "t.archived_at is null and t.part = 'active'",
  review: "t.archived_at is null and t.part = 'review'",
  done: "t.archived_at is null and t.part = 'done'",
  archived: "t.archived_at is not null",
};

/** Newest first, `limit` of them from after the cursor. A cursor is opaque to its holder; a foreign one is a UserError. */
export async function listTasks(
  db: Queries,
  user: User,
  filter: TaskFilter,
  cursor: string | null,
  limit: number,
  limits: QueueLimits,
): Promise<{ tasks: TaskSummary[]; cursor: string | null }> {
  const after = cursor === null ? null : readCursor(cursor);
  const statement: Statement = {
    text: `${columns}
      where t.kind = 'work' and ($1 or t.created_by = $2) and ${filter.view === null ? "t.archived_at is null" : VIEWS[filter.view]}
        and ($3::text is null or t.environment_id = $3)
        and ($4::text is null or t.title ilike $4 or t.environment_id in (select id from environment where name ilike $4)
          or t.created_by in (select id from users where name ilike $4))
        and ($7::text is null or t.created_by = $7)
        and ($8::text is null or exists (select from environment_version v join repository r on r.id = v.repository_id
          where v.environment_id = e.id and v.version = e.version and r.url = $8))
        and ($5::text is null or (t.created_at, t.id) < (select created_at, id from task where id = $5))
      order by t.created_at desc, t.id desc limit $6`,
    values: [
      user.role === "administrator",
      user.id,
      filter.environment,
      filter.query && like(filter.query),
      after,
      limit + 1,
      filter.person,
      filter.repository,
    ],
  };
  const rows = await db.query<Row>(statement);
  const tasks = rows.slice(0, limit).map((row) => fromRow(row, limits));
  return { tasks, cursor: rows.length > limit ? Buffer.from(tasks.at(-1)?.id ?? "").toString("base64url") : null };
}

/** The pattern for text that has this in it, letter for letter. */
const like = (text: string) => `%${clean(text).replace(/[\\%_]/g, "\\$&")}%`;

function readCursor(cursor: string): string {
  const id = Buffer.from(cursor, "base64url").toString("utf8");
  if (!/^task_[0-9a-z]{16}$/.test(id)) throw new UserError("invalid", `${cursor} is no cursor of a list of tasks`);
  return id;
}

function fromRow(row: Row, limits: QueueLimits): TaskSummary {
  const attempts = row.attempts.map(attemptFrom);
  const publication = row.publication && publicationFrom(row.publication);
  const { turn, chosen, change_turn: changeTurn } = row;
  const status = taskStatus(attempts, publication, changeTurn);
  const waitingFor = status === "waiting" ? waiting(row, limits) : null;
  return {
    id: row.id,
    kind: row.kind,
    title: row.title,
    status,
    statusText: statusInWords({ kind: row.kind, mode: row.mode, status, waitingFor, turn, changeTurn, attempts, chosen, publication }),
    waitingFor,
    mode: row.mode,
    model: row.model,
    effort: row.effort,
    limits: row.limits,
    environment: { id: row.environment_id, name: row.environment_name, version: row.environment_version },
    ref: row.ref,
    baseCommit: row.base_commit,
    turn,
    changeTurn,
    attempts,
    chosen,
    publication,
    createdBy: { id: row.user_id, name: row.user_name },
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString(),
    archived: row.archived_at !== null,
  };
}

function waiting(row: Row, limits: QueueLimits): WaitingFor {
  if (row.workers === 0) return { kind: "no-worker" };
  if (row.running_of_user >= limits.maxRunsPerUser) return { kind: "user-limit", limit: limits.maxRunsPerUser };
  if (row.running >= limits.maxRuns) return { kind: "global-limit", limit: limits.maxRuns };
  return { kind: "worker" };
}

function attemptFrom({ id, number, ...row }: AttemptRow): Attempt {
  switch (row.state) {
    case "running":
      return { id, number, state: "running", run: row.run, phase: row.phase };
    case "awaiting-input":
      return {
        id,
        number,
        state: "awaiting-input",
        question: row.question?.text ?? "",
        options: row.question?.options ?? [],
        stats: row.stats ?? { files: 0, added: 0, removed: 0 },
      };
    case "succeeded":
      return {
        id,
        number,
        state: "succeeded",
        stats: row.stats ?? { files: 0, added: 0, removed: 0 },
        ...(row.stopped && { stopped: true }),
      };
    case "failed":
      return {
        id,
        number,
        state: "failed",
        reason: row.reason ?? { kind: "internal-error", detail: "no reason was stored" },
        stats: row.stats,
      };
    default:
      return { id, number, state: row.state };
  }
}

function publicationFrom({ state, pushed, detail, ...what }: PublicationRow): PublicationState {
  switch (state) {
    case "published":
      return { state, ...what, commit: pushed ?? "", pullRequest: null };
    case "failed":
      return { state, ...what, detail: detail ?? "" };
    default:
      return { state, ...what };
  }
}

/**
 * Ends what waits, asks the worker to end what runs, in the caller's transaction; nothing where the task has ended. The task must have been found for
 * this user.
 */
export async function cancelTask(tx: Queries, user: User, taskId: string): Promise<void> {
  await lastAttempts(tx, taskId);
  const changed = await tx.query<{ turn: number; number: number; state: string }>(sql`
    update attempt set cancel_requested = true, question = null, state = case when state = 'running' then state else 'cancelled' end,
      ended_at = case when state = 'running' then ended_at else now() end
    where task_id = ${taskId} and state in ('queued', 'running', 'awaiting-input') and not cancel_requested returning turn, number, state`);
  await noteEnd(tx, taskId, { type: "cancel.requested", by: user.name }, changed);
}

/**
 * Ends the work and keeps what was done, also of what waits to go on, in the caller's transaction; what has not begun is cancelled. Nothing where the
 * task has ended. The task must have been found for this user.
 */
export async function stopTask(tx: Queries, user: User, taskId: string): Promise<void> {
  await lastAttempts(tx, taskId);
  const changed = await tx.query<Ended>(sql`
    update attempt set stop_requested = true, question = null, stopped = state = 'awaiting-input',
      state = case when state = 'queued' and run = 0 then 'cancelled' when state = 'awaiting-input' then 'succeeded' else state end,
      ended_at = case when state = 'running' or (state = 'queued' and run > 0) then ended_at else now() end
    where task_id = ${taskId} and state in ('queued', 'running', 'awaiting-input') and not stop_requested and not cancel_requested
    returning turn, number, state, patch, stats, (select bytes from blob where id = attempt.patch) as bytes`);
  await noteEnd(tx, taskId, { type: "stop.requested", by: user.name }, changed);
}

/** `patch` and what follows: of one that waited for an answer. */
type Ended = { turn: number; number: number; state: string; patch?: string | null; stats?: DiffStats | null; bytes?: number | null };

async function noteEnd(tx: Queries, taskId: string, asked: EventBody, changed: readonly Ended[]): Promise<void> {
  if (changed.length === 0) return;
  await appendEvents(tx, taskId, null, [asked]);
  for (const { turn, number, state, patch, stats, bytes } of changed) {
    const origin = { turn, attempt: number, run: 0 };
    if (state === "cancelled") await appendEvents(tx, taskId, origin, [{ type: "attempt.cancelled" }]);
    if (state === "succeeded" && patch && stats)
      await appendEvents(tx, taskId, origin, [{ type: "attempt.succeeded", patch, bytes: bytes ?? 0, stats, stopped: true }]);
  }
  await tx.query(sql`select pg_notify('farhand_cancel', ${taskId})`);
}

/** In the caller's transaction. A task that still works cannot be archived. */
export async function setArchived(tx: Queries, user: User, taskId: string, archived: boolean): Promise<void> {
  await lastAttempts(tx, taskId);
  const [busy] = await tx.query(
    sql`select 1 as busy from attempt where task_id = ${taskId} and state in ('queued', 'running', 'awaiting-input') limit 1`,
  );
  if (busy && archived) throw new UserError("conflict", `task ${taskId} still works: cancel it first`);
  const changed = await tx.query(sql`
    update task set archived_at = case when ${archived} then now() else null end where id = ${taskId} and (archived_at is not null) <> ${archived} returning id`);
  if (changed.length > 0 && archived) await tx.query(sql`select pg_notify('farhand_cancel', ${taskId})`); // nothing is kept for what follows
  if (changed.length > 0) await appendEvents(tx, taskId, null, [{ type: archived ? "task.archived" : "task.unarchived", by: user.name }]);
}
