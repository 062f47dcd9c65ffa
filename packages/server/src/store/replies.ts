import type { User } from "@farhand/protocol";
import { newId } from "../domain/id.ts";
import { UserError } from "../domain/user-error.ts";
import { type Queries, sql } from "./db.ts";
import { appendEvents } from "./event-log.ts";
import { answerQuestion } from "./questions.ts";
import { lastAttempts, requireWork } from "./turns.ts";

/** What somebody said while the agent worked. */
export type Reply = { id: string; text: string; by: string };

/**
 * Stores what is said to the attempts that still work, in the caller's transaction; where one waits for an answer, it is the answer. Throws
 * UserError `conflict` where none works, or several ask.
 */
export async function addReply(tx: Queries, user: User, taskId: string, text: string, attempt: number | null): Promise<void> {
  await requireWork(tx, taskId);
  const attempts = await lastAttempts(tx, taskId);
  const asking = attempts.filter((one) => one.state === "awaiting-input" && (attempt === null || one.number === attempt));
  const [asks] = asking;
  if (asking.length > 1) throw new UserError("conflict", `several attempts of task ${taskId} ask: say which one is answered (--attempt)`);
  if (asks) return answerQuestion(tx, user, taskId, asks, text);
  const working = attempts.filter(
    (one) => (one.state === "queued" || one.state === "running") && (attempt === null || one.number === attempt),
  );
  const [first] = working;
  if (!first) {
    const what = attempt === null ? `task ${taskId}` : `attempt ${attempt} of task ${taskId}`;
    throw new UserError("conflict", `${what} does not work any more: a message now begins the next turn`);
  }
  const id = newId("rep");
  await tx.query(
    sql`insert into reply (id, task_id, turn, attempt, text, created_by) values (${id}, ${taskId}, ${first.turn}, ${attempt}, ${text}, ${user.id})`,
  );
  await appendEvents(tx, taskId, null, [{ type: "reply.sent", reply: id, turn: first.turn, attempt, text, by: user.name }]);
}

/** What was said to an attempt and does not stand in its conversation yet, the oldest first. */
export async function waitingReplies(db: Queries, attemptId: string): Promise<(Reply & { byId: string })[]> {
  return db.query<Reply & { byId: string }>(sql`
    select r.id, r.text, u.name as by, u.id as "byId" from attempt a
      join reply r on r.task_id = a.task_id and r.turn = a.turn and (r.attempt is null or r.attempt = a.number) join users u on u.id = r.created_by
    where a.id = ${attemptId} and not exists (select from conversation c where c.attempt_id = a.id and c.message ->> 'reply' = r.id)
    order by r.created_at, r.id`);
}
