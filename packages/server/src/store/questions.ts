import type { Question, User } from "@farhand/protocol";
import { appendMessages } from "./conversation.ts";
import { type Queries, sql } from "./db.ts";
import { appendEvents } from "./event-log.ts";
import type { AttemptRow } from "./turns.ts";

/** Gives an attempt that waits for it the answer, as the result of its call, and queues it again; in the transaction that holds the attempt. */
export async function answerQuestion(tx: Queries, user: User, taskId: string, attempt: AttemptRow, text: string): Promise<void> {
  const [asked] = await tx.query<{ question: Question }>(
    sql`select question from attempt where id = ${attempt.id} and state = 'awaiting-input'`,
  );
  if (!asked) throw new Error(`attempt ${attempt.id} has asked nothing`);
  const { call, id, text: question } = asked.question;
  await tx.query(
    sql`update attempt set state = 'queued', question = null, queued_at = now(), runs_in_vain = 0, patch = null, stats = null where id = ${attempt.id}`,
  );
  await appendEvents(tx, taskId, { turn: attempt.turn, attempt: attempt.number, run: 0 }, [
    { type: "question.answered", question, text, by: user.name },
    { type: "tool.finished", call, isError: false, result: text, exit: null, durationMs: 0, output: null },
  ]);
  await appendMessages(tx, { taskId, attemptId: attempt.id }, [
    { role: "tool", call: id, tool: "ask_user", text, isError: false, exit: null },
  ]);
  await tx.query(sql`select pg_notify('farhand_queue', '')`);
}
