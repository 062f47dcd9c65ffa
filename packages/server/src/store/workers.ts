import { type Queries, sql } from "./db.ts";

/** Says that this worker lives, and why it cannot claim; empty `missing` = it does. */
export async function workerSeen(db: Queries, name: string, missing: readonly string[], limitsNotHeld: readonly string[]): Promise<void> {
  await db.query(sql`
    insert into worker (name, missing, limits_not_held) values (${name}, ${JSON.stringify(missing)}::jsonb, ${JSON.stringify(limitsNotHeld)}::jsonb)
    on conflict (name) do update set seen_at = now(), missing = excluded.missing, limits_not_held = excluded.limits_not_held`);
}

export async function workerGone(db: Queries, name: string): Promise<void> {
  await db.query(sql`delete from worker where name = ${name}`);
}

/** The workers seen within the last minute. */
export function workers(db: Queries): Promise<{ name: string; missing: string[] }[]> {
  return db.query(sql`select name, missing from worker where seen_at > now() - interval '1 minute' order by name`);
}
