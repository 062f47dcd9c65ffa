import type { ImageType } from "@farhand/protocol";
import { clean, type Queries, sql } from "./db.ts";

/** One message of a conversation with a model, as its engine wrote it. */
export type StoredMessage = object;

/** Adds to the end of an attempt's conversation, in the transaction of the events that it belongs to, after them. */
export async function appendMessages(
  tx: Queries,
  { taskId, attemptId }: { taskId: string; attemptId: string },
  messages: readonly StoredMessage[],
): Promise<void> {
  if (messages.length === 0) return;
  await tx.query(sql`
    insert into conversation (attempt_id, number, message, seq)
    select ${attemptId}, coalesce((select max(number) from conversation where attempt_id = ${attemptId}), 0) + one.number, one.message, (select last_seq from task where id = ${taskId})
    from json_array_elements(${JSON.stringify(clean(messages))}::json) with ordinality as one(message, number)`);
}

/** An attempt's prompt, what came with it (`data` is base64), and what was said after it. */
export type Exchange = { prompt: string; images: { mediaType: ImageType; data: string }[]; messages: StoredMessage[] };

/** The conversation that an attempt goes on with: those of the attempts that it follows, the oldest first, and at last its own. */
export async function readConversation(db: Queries, attemptId: string): Promise<Exchange[]> {
  return db.query<Exchange>(sql`
    with recursive line as (
      select id, task_id, turn, follows, follows_until, null::int as until, 0 as back from attempt where id = ${attemptId}
      union all
      select a.id, a.task_id, a.turn, a.follows, a.follows_until, line.follows_until, line.back + 1 from attempt a join line on a.id = line.follows)
    select n.prompt, coalesce((
        select json_agg(json_build_object('mediaType', i.media_type, 'data', translate(encode(i.bytes, 'base64'), E'\n', '')) order by i.number)
        from turn_image i where i.task_id = line.task_id and i.turn = line.turn), '[]') as images,
      coalesce((select json_agg(c.message order by c.number) from conversation c
        where c.attempt_id = line.id and (line.until is null or c.seq <= line.until)), '[]') as messages
    from line join turn n on n.task_id = line.task_id and n.number = line.turn order by line.back desc`);
}
