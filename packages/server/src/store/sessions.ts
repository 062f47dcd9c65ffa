import type { SessionView } from "@farhand/protocol";
import { UserError } from "../domain/user-error.ts";
import { type Queries, sql } from "./db.ts";

type Row = { id: string; user_agent: string | null; ip_address: string | null; created_at: Date; updated_at: Date };

/** Those that have not expired, the latest used first; `current` is the one that asks. */
export async function listSessions(db: Queries, userId: string, current: string): Promise<SessionView[]> {
  const rows = await db.query<Row>(sql`
    select id, user_agent, ip_address, created_at, updated_at from session where user_id = ${userId} and expires_at > now() order by updated_at desc, id`);
  return rows.map((row) => ({
    id: row.id,
    browser: row.user_agent,
    address: row.ip_address,
    createdAt: row.created_at.toISOString(),
    usedAt: row.updated_at.toISOString(),
    current: row.id === current,
  }));
}

export async function endSession(db: Queries, userId: string, id: string): Promise<void> {
  const gone = await db.query(sql`delete from session where id = ${id} and user_id = ${userId} returning id`);
  if (gone.length === 0) throw new UserError("not-found", `you have no session ${id}`);
}

/** All of a user but one. */
export async function endOtherSessions(db: Queries, userId: string, kept: string): Promise<void> {
  await db.query(sql`delete from session where user_id = ${userId} and id <> ${kept}`);
}
