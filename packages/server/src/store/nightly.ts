import { type Queries, sql } from "./db.ts";

/** Nights begin at this hour, UTC. */
const HOUR = 3;
const LONGEST_HOURS = 6;

/**
 * Takes a job for tonight; false = it is done, or somebody is at it. A worker that died while it was at it has it again when it asks, and others
 * after some hours.
 */
export async function beginNightly(db: Queries, job: string, worker: string): Promise<boolean> {
  const taken = await db.query(sql`
    insert into nightly (job, night, worker) values (${job}, (now() at time zone 'UTC' - ${HOUR} * interval '1 hour')::date, ${worker})
    on conflict (job) do update set night = excluded.night, worker = excluded.worker, started_at = now(), finished_at = null, detail = null
      where nightly.night < excluded.night
        or (nightly.finished_at is null and (nightly.worker = excluded.worker or nightly.started_at < now() - ${LONGEST_HOURS} * interval '1 hour'))
    returning job`);
  return taken.length > 0;
}

export async function endNightly(db: Queries, job: string, worker: string, detail: string): Promise<void> {
  await db.query(
    sql`update nightly set finished_at = now(), detail = ${detail} where job = ${job} and worker = ${worker} and finished_at is null`,
  );
}
