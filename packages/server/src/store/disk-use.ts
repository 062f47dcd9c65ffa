import { type Queries, sql } from "./db.ts";

/** What takes a worker's disk. `bytes` by kind: `mirrors`, `layers`. */
export type WorkerDisk = { at: string; home: string; totalBytes: number; freeBytes: number; bytes: Record<string, number> };

/** What takes the database: its largest tables with their indexes, and the stored bytes by kind. */
export type DatabaseUse = {
  bytes: number;
  tables: { name: string; bytes: number }[];
  stored: { kind: string; count: number; bytes: number }[];
};

export async function databaseUse(db: Queries): Promise<DatabaseUse> {
  const [whole] = await db.query<{ bytes: number }>(sql`select pg_database_size(current_database())::float8 as bytes`);
  const tables = await db.query<{ name: string; bytes: number }>(sql`
    select relname::text as name, pg_total_relation_size(oid)::float8 as bytes from pg_class
    where relnamespace = current_schema()::regnamespace and relkind = 'r' order by 2 desc, 1 limit 8`);
  const stored = await db.query<{ kind: string; count: number; bytes: number }>(sql`
    select kind, count(*)::int as count, coalesce(sum(bytes), 0)::float8 as bytes from blob where removed_at is null group by kind order by 3 desc, 1`);
  return { bytes: whole?.bytes ?? 0, tables, stored };
}

/** Of the workers that have measured it, those that live and those of before. */
export function workerDisks(db: Queries): Promise<{ worker: string; disk: WorkerDisk }[]> {
  return db.query(sql`select name as worker, disk from worker where disk is not null order by name`);
}

export async function storeWorkerDisk(db: Queries, worker: string, disk: WorkerDisk): Promise<void> {
  await db.query(sql`update worker set disk = ${JSON.stringify(disk)}::jsonb where name = ${worker}`);
}

/** What the layers take that a worker has kept: each is the topmost of one stack. */
export async function layerBytesOf(db: Queries, worker: string): Promise<number> {
  const [row] = await db.query<{ bytes: number }>(
    sql`select coalesce(sum(bytes), 0)::float8 as bytes from layer_stack where worker = ${worker}`,
  );
  return row?.bytes ?? 0;
}
