import type { MetricObjectWithValues, MetricValue } from "prom-client";
import { type Queries, sql } from "./db.ts";

/** What one worker has counted since its start. */
export type WorkerMetrics = MetricObjectWithValues<MetricValue<string>>[];

export async function storeWorkerMetrics(db: Queries, worker: string, metrics: WorkerMetrics): Promise<void> {
  await db.query(sql`update worker set metrics = ${JSON.stringify(metrics)}::jsonb where name = ${worker}`);
}

/** Of the workers that live. */
export async function workerMetrics(db: Queries): Promise<WorkerMetrics[]> {
  const rows = await db.query<{ metrics: WorkerMetrics }>(
    sql`select metrics from worker where metrics is not null and seen_at > now() - interval '1 minute' order by name`,
  );
  return rows.map(({ metrics }) => metrics);
}

/** How the whole service stands. */
export type Figures = {
  attempts: { state: string; count: number }[];
  publications: { state: string; count: number }[];
  /** Of the attempt that has waited the longest; 0 = none waits. */
  oldestQueuedSeconds: number;
  workers: { ready: boolean; count: number }[];
  tasks: number;
  /** All that were ever stored. */
  events: number;
  databaseBytes: number;
  disks: { worker: string; freeBytes: number }[];
};

export async function figures(db: Queries): Promise<Figures> {
  const [row] = await db.query<Figures>(sql`
    select
      (select coalesce(json_agg(x), '[]') from (select state, count(*) from attempt group by state order by state) x) as attempts,
      (select coalesce(json_agg(x), '[]') from (select state, count(*) from publication group by state order by state) x) as publications,
      (select coalesce(extract(epoch from now() - min(queued_at)), 0)::float8 from attempt where state = 'queued') as "oldestQueuedSeconds",
      (select coalesce(json_agg(x), '[]') from (
        select missing = '[]' as ready, count(*) from worker where seen_at > now() - interval '1 minute' group by 1 order by 1) x) as workers,
      (select count(*)::int from task) as tasks,
      (select coalesce(sum(last_seq), 0)::float8 from task) as events,
      pg_database_size(current_database())::float8 as "databaseBytes",
      (select coalesce(json_agg(x), '[]') from (
        select name as worker, (disk ->> 'freeBytes')::float8 as "freeBytes" from worker where disk is not null order by name) x) as disks`);
  if (!row) throw new Error("a select without a table has one row");
  return row;
}
