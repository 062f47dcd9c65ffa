import type { ModelTried } from "@farhand/protocol";
import { newId } from "../domain/id.ts";
import { untilAnswered } from "./asked.ts";
import { clean, type Db, type Queries, sql } from "./db.ts";

/** Asks a worker to send a small request to a model, and waits for what came of it; null = no worker answered in time. */
export async function askTrial(db: Db, model: string, timeoutMs: number): Promise<ModelTried | null> {
  const id = newId("trial");
  await untilAnswered(db, "farhand_tried", id, timeoutMs, () =>
    db.transaction(async (tx) => {
      await tx.query(sql`delete from model_trial where asked_at < now() - interval '10 minutes'`);
      await tx.query(sql`insert into model_trial (id, model) values (${id}, ${model})`);
      await tx.query(sql`select pg_notify('farhand_queue', '')`);
    }),
  );
  const [row] = await db.query<{ answer: ModelTried | null }>(sql`delete from model_trial where id = ${id} returning answer`);
  return row?.answer ?? null;
}

/** Whether there is a trial that nobody has taken. */
export async function hasTrial(db: Queries): Promise<boolean> {
  const open = await db.query(
    sql`select id from model_trial where answer is null and asked_at > now() - interval '1 minute' limit 1 for update skip locked`,
  );
  return open.length > 0;
}

/** Takes the oldest trial, makes the request, and stores what came of it. A worker that dies in between leaves it open for the next. */
export async function answerTrial(db: Db, attempt: (model: string) => Promise<ModelTried>): Promise<void> {
  return db.transaction(async (tx) => {
    const [trial] = await tx.query<{ id: string; model: string }>(sql`
      select id, model from model_trial where answer is null and asked_at > now() - interval '1 minute'
      order by asked_at limit 1 for update skip locked`);
    if (!trial) return;
    const answer = await attempt(trial.model);
    await tx.query(sql`update model_trial set answer = ${JSON.stringify(clean(answer))}::jsonb where id = ${trial.id}`);
    await tx.query(sql`select pg_notify('farhand_tried', ${trial.id})`);
  });
}
