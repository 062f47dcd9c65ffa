import type { DiffStats } from "@farhand/protocol";
import { type Queries, sql } from "./db.ts";

/** A change as it is stored: the blob of its patch, and its size. */
export type KeptChange = { blob: string; bytes: number; stats: DiffStats };

/** The change that an attempt ended with; null = it changed nothing. */
export async function keptChange(db: Queries, attemptId: string): Promise<KeptChange | null> {
  const [row] = await db.query<KeptChange>(sql`
    select b.id as blob, b.bytes::int as bytes, a.stats from attempt a join blob b on b.id = a.patch
    where a.id = ${attemptId} and (a.stats ->> 'files')::int > 0`);
  return row ?? null;
}
