import type { Effort, LimitChanges, Mode, NewTurn, User } from "@farhand/protocol";
import type { z } from "zod";
import { newId } from "../domain/id.ts";
import type { Image } from "../domain/images.ts";
import { UserError } from "../domain/user-error.ts";
import { stepsKept } from "./checkpoints.ts";
import { type Queries, sql } from "./db.ts";
import { appendEvents } from "./event-log.ts";
import { addImages } from "./images.ts";
import { retitle } from "./titles.ts";

export type TurnDraft = Omit<z.output<typeof NewTurn>, "images" | "limits"> & { images?: readonly Image[]; limits?: LimitChanges };
export type AttemptRow = {
  id: string;
  turn: number;
  number: number;
  state: string;
  userId: string;
  priority: number;
  files: number | null;
};

const ENDED = new Set(["succeeded", "failed", "cancelled"]);

/**
 * The attempts of the last turn, locked until the caller's transaction ends, so that none ends or begins meanwhile. Everybody who changes several
 * rows of a task takes these first, in this order, so that two never wait for each other. Not so strongly that who only refers to one would wait.
 */
export async function lastAttempts(tx: Queries, taskId: string): Promise<AttemptRow[]> {
  let locked: number | undefined;
  for (;;) {
    const attempts = await tx.query<AttemptRow>(sql`
      select id, turn, number, state, user_id as "userId", priority, (stats ->> 'files')::int as files from attempt
      where task_id = ${taskId} and turn = (select max(number) from turn where task_id = ${taskId}) order by number`);
    const turn = attempts[0]?.turn;
    if (turn === locked) return attempts; // read after they were locked, and no turn was opened until then
    await tx.query(sql`select id from attempt where task_id = ${taskId} and turn = ${turn} order by number for no key update`);
    locked = turn;
  }
}

/**
 * The attempt of the last turn that is meant: the one named, else the chosen one, else the only one that succeeded, else the only one there is.
 * Throws UserError where that is none, or not clear.
 */
export async function attemptMeant(
  tx: Queries,
  taskId: string,
  attempts: readonly AttemptRow[],
  named: number | null,
): Promise<AttemptRow> {
  if (named !== null) return byNumber(taskId, attempts, named);
  const [turn] = await tx.query<{ chosen: number | null }>(
    sql`select chosen from turn where task_id = ${taskId} order by number desc limit 1`,
  );
  const chosen = turn?.chosen ?? null;
  if (chosen !== null) return byNumber(taskId, attempts, chosen);
  const succeeded = attempts.filter((attempt) => attempt.state === "succeeded");
  const [only] = succeeded.length > 0 ? succeeded : attempts;
  if (only && (succeeded.length === 1 || attempts.length === 1)) return only;
  const numbers = (succeeded.length > 0 ? succeeded : attempts).map((attempt) => attempt.number).join(", ");
  throw new UserError("conflict", `task ${taskId} has several attempts: say which one is meant (--attempt); there are ${numbers}`);
}

function byNumber(taskId: string, attempts: readonly AttemptRow[], number: number): AttemptRow {
  const found = attempts.find((attempt) => attempt.number === number);
  if (!found)
    throw new UserError(
      "not-found",
      `the last turn of task ${taskId} has no attempt ${number}: there ${attempts.length === 1 ? "is 1" : `are ${attempts.length}`}`,
    );
  return found;
}

/** Says which attempt of the last turn is the one, in the caller's transaction. Choosing it again changes nothing. */
export async function chooseAttempt(tx: Queries, user: User, taskId: string, number: number): Promise<void> {
  const attempt = byNumber(taskId, await lastAttempts(tx, taskId), number);
  if (attempt.state !== "succeeded")
    throw new UserError("conflict", `attempt ${number} of task ${taskId} has not succeeded, so it cannot be chosen`);
  await noteChoice(tx, user, taskId, attempt);
}

/** The same for an attempt that is locked already. A turn of one attempt has nothing to choose. */
export async function noteChoice(tx: Queries, user: Pick<User, "name">, taskId: string, { turn, number }: AttemptRow): Promise<void> {
  const changed = await tx.query(sql`
    update turn set chosen = ${number} where task_id = ${taskId} and number = ${turn} and chosen is distinct from ${number}::int
      and (select count(*) from attempt where task_id = ${taskId} and turn = ${turn}) > 1 returning number`);
  if (changed.length === 0) return;
  await appendEvents(tx, taskId, null, [{ type: "turn.chosen", turn, attempt: number, by: user.name }]);
  await retitle(tx, taskId);
}

/** Nothing can be said to a task that only tests a setup. */
export async function requireWork(tx: Queries, taskId: string): Promise<void> {
  const [test] = await tx.query(sql`select id from task where id = ${taskId} and kind <> 'work'`);
  if (test) throw new UserError("conflict", `task ${taskId} only tests a setup: give out a task of its own`);
}

/** Opens the next turn, in the caller's transaction; workers are woken when it commits. The last turn must have ended. */
export async function createTurn(tx: Queries, user: User, taskId: string, draft: TurnDraft): Promise<void> {
  const attempts = await endedAttempts(tx, taskId);
  const before = await attemptMeant(tx, taskId, attempts, draft.attempt ?? null);
  const until = draft.fromStep === undefined ? null : await endOfStep(tx, taskId, before, draft.fromStep);
  if (before.state === "succeeded") await noteChoice(tx, user, taskId, before);
  await openTurn(tx, user, taskId, before, draft, until);
}

/** The last event of a step that is gone back to. Throws UserError where that cannot be. */
async function endOfStep(tx: Queries, taskId: string, attempt: AttemptRow, step: number): Promise<number> {
  const kept = await stepsKept(tx, taskId, attempt);
  const found = kept.find((one) => one.step === step);
  if (found) return found.until;
  const which = kept.length > 0 ? `go back to ${kept.map((one) => one.step).join(", ")}` : "there is none to go back to";
  throw new UserError("conflict", `the working tree after step ${step} of attempt ${attempt.number} is not stored (any more): ${which}`);
}

/** The attempts of the last turn, locked, where another may follow. Throws UserError where that has not ended, or the task is put away. */
async function endedAttempts(tx: Queries, taskId: string): Promise<AttemptRow[]> {
  await requireWork(tx, taskId);
  const attempts = await lastAttempts(tx, taskId);
  if (attempts.some((attempt) => !ENDED.has(attempt.state)))
    throw new UserError("conflict", `task ${taskId} still works: send a message (farhand reply), or stop it first`);
  const [task] = await tx.query<{ archived: boolean }>(
    sql`select archived_at is not null as archived from task where id = ${taskId} for no key update`, // so that no tree of it goes meanwhile, either
  );
  if (task?.archived) throw new UserError("conflict", `task ${taskId} is archived: take it out of the archive first (farhand unarchive)`);
  return attempts;
}

/** The next turn after an attempt that has ended, or ends in this very transaction. `until`: what of it counts (endOfStep). */
export async function openTurn(
  tx: Queries,
  user: Pick<User, "id" | "name">,
  taskId: string,
  before: Pick<AttemptRow, "id" | "turn" | "number" | "priority">,
  draft: TurnDraft,
  until: number | null = null,
): Promise<void> {
  const turn = before.turn + 1;
  const { model = null, mode = null, effort = null, limits = {} } = draft;
  const [made] = await tx.query<{ model: string; mode: Mode; effort: Effort | null }>(sql`
    insert into turn (task_id, number, prompt, model, mode, effort, limits, created_by)
    select ${taskId}, ${turn}, ${draft.prompt}, coalesce(${model}, n.model, t.model), coalesce(${mode}, n.mode, t.mode),
      case when ${draft.effort === undefined} and coalesce(${model}, n.model, t.model) = coalesce(n.model, t.model) then n.effort else ${effort} end,
      jsonb_strip_nulls(n.limits || ${JSON.stringify(limits)}::jsonb), ${user.id}
    from task t join turn n on n.task_id = t.id and n.number = ${before.turn} where t.id = ${taskId} returning model, mode, effort`);
  if (!made) throw new Error(`turn ${before.turn} of ${taskId} is gone`);
  const keepsChange = made.mode === "ask";
  if (keepsChange && until !== null)
    throw new UserError("invalid", "a question is about the change as it is: go back to a step with mode code");
  const environmentVersion = await renewEnvironment(tx, taskId);
  const { images = [] } = draft;
  await addImages(tx, taskId, turn, images);
  for (let number = 1; number <= draft.attempts; number++)
    await tx.query(sql`
      insert into attempt (id, task_id, turn, number, user_id, priority, follows, follows_until, change_title, change_text)
      select ${newId("att")}, ${taskId}, ${turn}::int, ${number}::int, ${user.id}, ${before.priority}::int, id, ${until},
        case when ${keepsChange} then change_title end, case when ${keepsChange} then change_text end
      from attempt where id = ${before.id}`);
  await appendEvents(tx, taskId, null, [
    {
      type: "turn.started",
      turn,
      prompt: draft.prompt,
      by: user.name,
      attempts: draft.attempts,
      follows: before.number,
      ...(draft.fromStep !== undefined && { fromStep: draft.fromStep }),
      model: made.model,
      mode: made.mode,
      ...(made.effort && { effort: made.effort }),
      ...environmentVersion,
      ...(images.length > 0 && { images: images.length }),
    },
  ]);
  await tx.query(sql`select pg_notify('farhand_queue', '')`);
}

/**
 * Opens a turn that asks the same as the last one, of which every attempt failed or was cancelled, in the caller's transaction: from where that one began,
 * so nothing that was done or said in it is taken along.
 */
export async function retryTurn(tx: Queries, user: User, taskId: string): Promise<void> {
  const attempts = await endedAttempts(tx, taskId);
  if (attempts.some(({ state }) => state === "succeeded"))
    throw new UserError("conflict", `the last turn of task ${taskId} has a result: say what is to be different (farhand reply)`);
  const retryOf = attempts[0]?.turn ?? 0;
  const turn = retryOf + 1;
  const [again] = await tx.query<{ prompt: string; model: string; mode: Mode; effort: Effort | null }>(sql`
    with again as (
      insert into turn (task_id, number, prompt, model, mode, effort, limits, created_by)
      select task_id, ${turn}, prompt, model, mode, effort, limits, ${user.id} from turn where task_id = ${taskId} and number = ${retryOf} returning *)
    select prompt, coalesce(again.model, t.model) as model, coalesce(again.mode, t.mode) as mode, effort from again join task t on t.id = task_id`);
  if (!again) throw new Error(`turn ${retryOf} of ${taskId} is gone`);
  const images = await tx.query(sql`
    insert into turn_image (task_id, turn, number, media_type, bytes)
    select task_id, ${turn}, number, media_type, bytes from turn_image where task_id = ${taskId} and turn = ${retryOf} returning number`);
  const keepsChange = again.mode === "ask";
  for (const { id } of attempts)
    await tx.query(sql`
      insert into attempt (id, task_id, turn, number, user_id, priority, follows, follows_until, change_title, change_text)
      select ${newId("att")}, task_id, ${turn}, number, ${user.id}, priority, follows, follows_until,
        case when ${keepsChange} then change_title end, case when ${keepsChange} then change_text end
      from attempt where id = ${id}`);
  const { prompt, model, mode, effort } = again;
  const environmentVersion = await renewEnvironment(tx, taskId);
  const what = { turn, prompt, by: user.name, attempts: attempts.length, retryOf, model, mode, ...(effort && { effort }) };
  await appendEvents(tx, taskId, null, [
    { type: "turn.started", ...what, ...environmentVersion, ...(images.length > 0 && { images: images.length }) },
  ]);
  await tx.query(sql`select pg_notify('farhand_queue', '')`);
}

/**
 * Each turn works by its environment as it is when it begins, so what was wrong there can be mended; but not where it has another repository now: the work
 * of a task stands on one commit. Returns what has changed.
 */
async function renewEnvironment(tx: Queries, taskId: string): Promise<{ environmentVersion?: number }> {
  const [renewed] = await tx.query<{ version: number }>(sql`
    update task t set environment_version = e.version
    from environment e join environment_version now on now.environment_id = e.id and now.version = e.version
      join environment_version before on before.environment_id = e.id and before.repository_id = now.repository_id
    where t.id = ${taskId} and e.id = t.environment_id and before.version = t.environment_version and e.version <> t.environment_version
    returning e.version`);
  return renewed ? { environmentVersion: renewed.version } : {};
}
