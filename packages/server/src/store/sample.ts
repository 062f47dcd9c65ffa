import type { User } from "@farhand/protocol";
import { type Queries, sql } from "./db.ts";

const SETTING = "sample";

/** The sample that the first start made; null where it made none, since there was work already. */
export type Sample = { environment: string; task: string } | null;

/** Whether the sample's turn has come and gone: it is made once, however often it is removed afterwards. */
export async function sampleIsSettled(db: Queries): Promise<boolean> {
  return (await db.query(sql`select key from setting where key = ${SETTING}`)).length > 0;
}

export async function settleSample(db: Queries, sample: Sample): Promise<void> {
  await db.query(sql`insert into setting (key, value) values (${SETTING}, ${JSON.stringify(sample)}::jsonb) on conflict do nothing`);
}

export async function hasEnvironments(db: Queries): Promise<boolean> {
  return (await db.query(sql`select id from environment limit 1`)).length > 0;
}

/** Whether there is a repository besides the sample's, whether this user has given a task besides it, and the sample task while it is in the list. */
export async function firstSteps(db: Queries, user: User): Promise<{ repository: boolean; task: boolean; sampleTask: string | null }> {
  const [row] = await db.query<{ repository: boolean; task: boolean; sample_task: string | null }>(sql`
    with sample as (select value ->> 'environment' as environment, value ->> 'task' as task from setting where key = ${SETTING})
    select exists (select from environment where id is distinct from (select environment from sample)) as repository,
      exists (select from task where created_by = ${user.id} and kind = 'work' and id is distinct from (select task from sample)) as task,
      (select t.id from task t join sample s on s.task = t.id
        where t.archived_at is null and (${user.role === "administrator"} or t.created_by = ${user.id})) as sample_task`);
  return { repository: row?.repository ?? false, task: row?.task ?? false, sampleTask: row?.sample_task ?? null };
}
