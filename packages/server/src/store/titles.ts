import { type Queries, sql } from "./db.ts";
import { appendEvents } from "./event-log.ts";

/**
 * Gives a task the title of the change that it stands at, in the caller's transaction: of the chosen attempt of the last turn, or else the first that
 * succeeded. A title that somebody gave stays, and so does one where the change was not described.
 */
export async function retitle(tx: Queries, taskId: string): Promise<void> {
  const [changed] = await tx.query<{ title: string }>(sql`
    update task t set title = change.title
    from (select a.change_title as title from attempt a join turn n on n.task_id = a.task_id and n.number = a.turn
      where a.task_id = ${taskId} and a.turn = (select max(number) from turn where task_id = ${taskId}) and a.state = 'succeeded'
      order by n.chosen is not distinct from a.number desc, a.ended_at, a.number limit 1) change
    where t.id = ${taskId} and not t.title_given and t.title <> change.title returning t.title`);
  if (changed) await appendEvents(tx, taskId, null, [{ type: "task.titled", title: changed.title }]);
}
