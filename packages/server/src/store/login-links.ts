import { createHash, randomBytes } from "node:crypto";
import { type Queries, sql } from "./db.ts";

/** How long a link to log in works. */
export const LINK_MINUTES = 15;

export type OneTimeToken = { token: string; expiresAt: Date };

/** A token that is given out once and known by its hash only. */
export function newOneTimeToken(): { token: string; hash: Buffer } {
  const token = randomBytes(32).toString("base64url");
  return { token, hash: hashOfToken(token) };
}

export const hashOfToken = (token: string) => createHash("sha256").update(token).digest();

/** For one login of this user, within LINK_MINUTES. */
export async function addLoginLink(db: Queries, userId: string): Promise<OneTimeToken> {
  const { token, hash } = newOneTimeToken();
  await db.query(sql`delete from login_link where expires_at < now()`);
  const [row] = await db.query<{ expires_at: Date }>(sql`
    insert into login_link (hash, user_id, expires_at) values (${hash}, ${userId}, now() + ${LINK_MINUTES} * interval '1 minute') returning expires_at`);
  if (!row) throw new Error("insert returned no row");
  return { token, expiresAt: row.expires_at };
}

/** Whose link it is, and ends it; null where it was used, has expired, or never was. */
export async function useLoginLink(db: Queries, token: string): Promise<string | null> {
  const [row] = await db.query<{ user_id: string; good: boolean }>(
    sql`delete from login_link where hash = ${hashOfToken(token)} returning user_id, expires_at > now() as good`,
  );
  return row?.good ? row.user_id : null;
}

/** The first administrator, while none of them has ever been on the page; null afterwards. */
export async function administratorToWelcome(db: Queries): Promise<string | null> {
  const [row] = await db.query<{ id: string; met: boolean }>(sql`
    select id, bool_or(last_login_at is not null) over () as met from users where role = 'administrator' order by created_at, id limit 1`);
  return row && !row.met ? row.id : null;
}
