import type { Writing } from "@farhand/protocol";
import { type Queries, sql } from "./db.ts";

export const WRITING = "farhand_writing";

/** Of a piece: a notification takes 8,000 bytes, and JSON makes six of a control character. */
export const MOST_WRITING_CHARS = 1200;

/** Tells those who look on at this moment; nothing is stored. */
export async function tellWriting(db: Queries, writing: Writing): Promise<void> {
  await db.query(sql`select pg_notify(${WRITING}, ${JSON.stringify(writing)})`);
}
