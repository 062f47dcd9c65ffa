import { createHash, randomBytes } from "node:crypto";
import type { TokenScope, User } from "@farhand/protocol";
import { newId } from "../domain/id.ts";
import { UserError } from "../domain/user-error.ts";
import { type Queries, sql } from "./db.ts";

export type Member = User;

const hashOf = (token: string) => createHash("sha256").update(token).digest();

export async function addUser(db: Queries, user: Omit<User, "id">): Promise<User> {
  const [added] = await db.query<User>(sql`
    insert into users (id, name, email, role) values (${newId("usr")}, ${user.name}, ${user.email.toLowerCase()}, ${user.role})
    on conflict (email) do nothing returning id, name, email, role`);
  if (!added) throw new UserError("conflict", `there is a user with the address ${user.email} already`);
  return added;
}

export function listUsers(db: Queries): Promise<User[]> {
  return db.query<User>(sql`select id, name, email, role from users order by created_at, id`);
}

export async function getUser(db: Queries, id: string): Promise<User> {
  const [user] = await db.query<User>(sql`select id, name, email, role from users where id = ${id}`);
  if (!user) throw new UserError("not-found", `there is no user ${id}`);
  return user;
}

/** The one who was there first; null = there is none. */
export async function firstAdministrator(db: Queries): Promise<User | null> {
  const [user] = await db.query<User>(
    sql`select id, name, email, role from users where role = 'administrator' order by created_at, id limit 1`,
  );
  return user ?? null;
}

/** Throws UserError `conflict` where somebody else has the address. */
export async function changeUser(db: Queries, id: string, change: { name: string; email: string }): Promise<User> {
  const [taken] = await db.query(sql`select id from users where email = ${change.email.toLowerCase()} and id <> ${id}`);
  if (taken) throw new UserError("conflict", `there is a user with the address ${change.email} already`);
  const [changed] = await db.query<User>(sql`
    update users set name = ${change.name}, email = ${change.email.toLowerCase()}, updated_at = now() where id = ${id} returning id, name, email, role`);
  if (!changed) throw new UserError("not-found", `there is no user ${id}`);
  return changed;
}

type TokenRow = { id: string; name: string; scope: TokenScope; created_at: Date; last_used_at: Date | null };
const tokenFrom = (row: TokenRow) => ({
  id: row.id,
  name: row.name,
  scope: row.scope,
  createdAt: row.created_at.toISOString(),
  lastUsedAt: row.last_used_at?.toISOString() ?? null,
});

/** The token itself is returned here and never again: only its hash is stored. */
export async function mintToken(db: Queries, userId: string, name: string, scope: TokenScope = "all") {
  const token = `fh_${randomBytes(32).toString("base64url")}`;
  const [row] = await db.query<TokenRow>(sql`
    insert into api_token (id, user_id, name, scope, hash) values (${newId("tok")}, ${userId}, ${name}, ${scope}, ${hashOf(token)})
    returning id, name, scope, created_at, last_used_at`);
  if (!row) throw new Error("insert returned no row");
  return { ...tokenFrom(row), token };
}

export async function listTokens(db: Queries, userId: string) {
  return (
    await db.query<TokenRow>(
      sql`select id, name, scope, created_at, last_used_at from api_token where user_id = ${userId} order by created_at, id`,
    )
  ).map(tokenFrom);
}

export async function revokeToken(db: Queries, userId: string, id: string): Promise<void> {
  const gone = await db.query(sql`delete from api_token where id = ${id} and user_id = ${userId} returning id`);
  if (gone.length === 0) throw new UserError("not-found", `you have no token ${id}`);
}

/** Who holds this token, and what it may do; null = nobody. Notes the use at most once a minute. */
export async function userOfToken(db: Queries, token: string): Promise<{ user: User; id: string; scope: TokenScope } | null> {
  const hash = hashOf(token);
  const [found] = await db.query<User & { token: string; scope: TokenScope; stale: boolean }>(sql`
    select u.id, u.name, u.email, u.role, t.id as token, t.scope, coalesce(t.last_used_at < now() - interval '1 minute', true) as stale
    from api_token t join users u on u.id = t.user_id where t.hash = ${hash}`);
  if (!found) return null;
  if (found.stale) await db.query(sql`update api_token set last_used_at = now() where hash = ${hash}`);
  const { token: id, scope, stale: _, ...user } = found;
  return { user, id, scope };
}
