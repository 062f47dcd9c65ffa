import type { TranscriptPolicy } from "@farhand/protocol";
import { crashAt } from "../crash.ts";
import { newId } from "../domain/id.ts";
import { UserError } from "../domain/user-error.ts";
import { type Db, type Queries, sql } from "./db.ts";
import { appendEvents } from "./event-log.ts";
import { publicUrl } from "./public-url.ts";
import { attemptMeant, lastAttempts, noteChoice } from "./turns.ts";

/** The right to publish one task's change; `run` fences every write. */
export type Publication = {
  id: string;
  taskId: string;
  run: number;
  patchBlob: string;
  baseCommit: string;
  branch: string;
  message: string;
  author: { name: string; email: string };
  dated: Date;
  pushed: string | null;
};

/** How often a publication is begun before it fails: a repeat does no harm, but must end. */
const MAX_RUNS = 5;

/**
 * Asks for the change of an attempt of the last turn to be published, in the caller's transaction: `attempt`, or the one that is meant (attemptMeant).
 * Where another change, such as an earlier turn's, was published, the same branch is moved on. Nothing happens while this one is under way or done.
 */
export async function askPublication(tx: Queries, taskId: string, userId: string, number: number | null = null): Promise<void> {
  const attempt = await attemptMeant(tx, taskId, await lastAttempts(tx, taskId), number);
  if (attempt.state !== "succeeded") throw new UserError("conflict", `task ${taskId} has no finished change to publish`);
  if (attempt.files === 0) throw new UserError("conflict", `task ${taskId} changed no file, so there is nothing to publish`);
  const [user] = await tx.query<{ name: string; email: string }>(sql`select name, email from users where id = ${userId}`);
  if (!user) throw new UserError("not-found", `there is no user ${userId}`);
  await noteChoice(tx, user, taskId, attempt);
  const [task] = await tx.query<{ title: string; branch: string; transcript: TranscriptPolicy }>(sql`
    select t.title, t.branch, v.transcript from task t
      join environment_version v on v.environment_id = t.environment_id and v.version = t.environment_version where t.id = ${taskId}`);
  if (!task) throw new Error(`task ${taskId} is gone`);
  const [change] = await tx.query<{ change_title: string | null; change_text: string | null; patch: string | null }>(
    sql`select change_title, change_text, patch from attempt where id = ${attempt.id}`,
  );
  const patch = change?.patch ?? null;
  const trailers = [`Farhand-Task: ${taskId}`];
  const url = task.transcript === "link" ? await publicUrl(tx) : null;
  if (url !== null) trailers.push(`Farhand-Transcript: ${url}/tasks/${taskId}`);
  const words = [change?.change_title ?? task.title, change?.change_text ?? "", trailers.join("\n")];
  const message = `${words.filter(Boolean).join("\n\n")}\n`;
  const [asked] = await tx.query(sql`
    insert into publication (id, task_id, attempt_id, branch, message, author_name, author_email, asked_by)
    values (${newId("pub")}, ${taskId}, ${attempt.id}, ${task.branch}, ${message}, ${user.name}, ${user.email}, ${userId})
    on conflict (task_id) do update set state = 'asked', detail = null, run = 0, asked_by = excluded.asked_by, asked_at = now(),
        attempt_id = excluded.attempt_id, message = excluded.message, author_name = excluded.author_name, author_email = excluded.author_email,
        dated = case when (select patch from attempt where id = publication.attempt_id) = ${patch} then publication.dated else excluded.dated end
      where publication.state = 'failed' or (publication.state = 'published' and (select patch from attempt where id = publication.attempt_id) is distinct from ${patch})
    returning id`);
  if (!asked) return requireSame(tx, taskId, patch);
  const { turn, number: published } = attempt;
  await appendEvents(tx, taskId, null, [{ type: "publication.asked", branch: task.branch, by: user.name, turn, attempt: published }]);
  await tx.query(sql`select pg_notify('farhand_queue', '')`);
}

/** It is under way or done already; but not with another change. */
async function requireSame(tx: Queries, taskId: string, patch: string | null): Promise<void> {
  const [same] = await tx.query(
    sql`select p.id from publication p join attempt a on a.id = p.attempt_id where p.task_id = ${taskId} and a.patch = ${patch}`,
  );
  if (!same)
    throw new UserError("conflict", `another attempt of task ${taskId} is being published at the moment: try again when that has ended`);
}

const WAITS = "(state = 'asked' or (state = 'publishing' and leased_until < now()))";

/** Takes the oldest publication that waits or whose worker was lost. null = none. */
export async function claimPublication(db: Db, worker: string, leaseMs: number): Promise<Publication | null> {
  for (;;) {
    const [waiting] = await db.query<{ task_id: string }>({
      text: `select task_id from publication where ${WAITS} order by asked_at limit 1`,
      values: [],
    });
    if (!waiting) return null;
    const claimed = await db.transaction((tx) => claimOf(tx, waiting.task_id, worker, leaseMs));
    if (claimed !== "taken") return claimed;
  }
}

/** "taken" = by another worker. */
async function claimOf(tx: Queries, taskId: string, worker: string, leaseMs: number): Promise<Publication | "taken" | null> {
  await lastAttempts(tx, taskId); // whoever asks for a publication holds them first, too
  const [row] = await tx.query<{ id: string; task_id: string; run: number }>({
    text: `update publication set state = 'publishing', run = run + 1, worker = $1, leased_until = now() + $2 * interval '1 millisecond'
      where task_id = $3 and ${WAITS} returning id, task_id, run`,
    values: [worker, leaseMs, taskId],
  });
  if (!row) return "taken";
  if (row.run > MAX_RUNS) {
    await end(tx, row, { state: "failed", detail: `its worker was lost ${MAX_RUNS} times` });
    return null;
  }
  const [found] = await tx.query<{
    patch: string;
    base_commit: string;
    branch: string;
    message: string;
    author_name: string;
    author_email: string;
    dated: Date;
    pushed: string | null;
  }>(sql`
    select a.patch, coalesce(a.base_commit, t.base_commit) as base_commit, p.branch, p.message, p.author_name, p.author_email, p.dated, p.pushed
    from publication p join attempt a on a.id = p.attempt_id join task t on t.id = p.task_id where p.id = ${row.id}`);
  if (!found) throw new Error(`publication ${row.id} is gone`);
  await appendEvents(tx, row.task_id, null, [{ type: "publication.started", branch: found.branch }]);
  return {
    id: row.id,
    taskId: row.task_id,
    run: row.run,
    patchBlob: found.patch,
    baseCommit: found.base_commit,
    branch: found.branch,
    message: found.message,
    author: { name: found.author_name, email: found.author_email },
    dated: found.dated,
    pushed: found.pushed,
  };
}

/** After a crash of this worker its publications need not wait for their leases to run out. */
export async function giveBackPublications(db: Queries, worker: string): Promise<void> {
  await db.query(sql`update publication set leased_until = now() - interval '1 second' where state = 'publishing' and worker = ${worker}`);
}

export async function renewPublication(db: Queries, publication: Publication, leaseMs: number): Promise<"held" | "lost"> {
  const held = await db.query(sql`
    update publication set leased_until = now() + ${leaseMs} * interval '1 millisecond'
    where id = ${publication.id} and run = ${publication.run} and state = 'publishing' returning id`);
  return held.length > 0 ? "held" : "lost";
}

export type PublicationEnd = { state: "published"; commit: string } | { state: "failed"; detail: string } | { state: "interrupted" };

/** Stores how it ended, with its event. Changes nothing when somebody else has taken over, or it was stored before. */
export async function settlePublication(db: Db, publication: Publication, outcome: PublicationEnd): Promise<void> {
  await db.transaction(async (tx) => {
    await lastAttempts(tx, publication.taskId);
    const [held] = await tx.query(
      sql`select id from publication where id = ${publication.id} and run = ${publication.run} and state = 'publishing' for update`,
    );
    if (held) await end(tx, { id: publication.id, task_id: publication.taskId }, outcome);
    crashAt("publish: committing");
  });
  crashAt("publish: committed");
}

async function end(tx: Queries, row: { id: string; task_id: string }, outcome: PublicationEnd): Promise<void> {
  const state = outcome.state === "interrupted" ? "asked" : outcome.state;
  const commit = outcome.state === "published" ? outcome.commit : null;
  const detail = outcome.state === "failed" ? outcome.detail : null;
  const [ended] = await tx.query<{ branch: string }>(sql`
    update publication set state = ${state}, worker = null, leased_until = null, pushed = coalesce(${commit}, pushed), detail = ${detail} where id = ${row.id} returning branch`);
  const branch = ended?.branch ?? "";
  if (outcome.state === "published")
    await appendEvents(tx, row.task_id, null, [{ type: "publication.published", branch, commit: outcome.commit }]);
  if (outcome.state === "failed")
    await appendEvents(tx, row.task_id, null, [{ type: "publication.failed", branch, detail: outcome.detail }]);
  if (state !== "asked") await publishByPolicy(tx, row.task_id); // the next turn may have ended meanwhile
}

/**
 * Asks for what the environment's policy wants published, where nobody has to choose: the change of the only attempt of the last turn, unless that only
 * answered. While another
 * publication of the task is under way it waits for that one's end, which asks again.
 */
export async function publishByPolicy(tx: Queries, taskId: string): Promise<void> {
  const [due] = await tx.query<{ user_id: string }>(sql`
    select a.user_id from task t join environment_version v on v.environment_id = t.environment_id and v.version = t.environment_version
      join attempt a on a.task_id = t.id and a.turn = (select max(number) from turn where task_id = t.id)
      join turn n on n.task_id = t.id and n.number = a.turn and coalesce(n.mode, t.mode) = 'code'
    where t.id = ${taskId} and v.publish = 'always' and a.state = 'succeeded' and not a.stopped and (a.stats ->> 'files')::int > 0
      and not exists (select from attempt other where other.task_id = t.id and other.turn = a.turn and other.id <> a.id)
      and not exists (select from publication p where p.task_id = t.id and (p.state in ('asked', 'publishing') or p.attempt_id = a.id))`);
  if (due) await askPublication(tx, taskId, due.user_id);
}
