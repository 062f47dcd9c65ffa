import type { Invitation, User } from "@farhand/protocol";
import { UserError } from "../domain/user-error.ts";
import { type Queries, sql } from "./db.ts";
import { hashOfToken, newOneTimeToken, type OneTimeToken } from "./login-links.ts";
import { setPassword } from "./passwords.ts";
import { addUser } from "./users.ts";

const DAYS = 7;

/** Replaces an older invitation of the same address. Throws UserError where somebody has the address already. */
export async function addInvitation(db: Queries, invited: { email: string; role: User["role"]; by: string }): Promise<OneTimeToken> {
  const email = invited.email.toLowerCase();
  const known = await db.query(sql`select id from users where email = ${email}`);
  if (known.length > 0) throw new UserError("conflict", `there is a user with the address ${email} already`);
  const { token, hash } = newOneTimeToken();
  const [row] = await db.query<{ expires_at: Date }>(sql`
    insert into invitation (hash, email, role, invited_by, expires_at) values (${hash}, ${email}, ${invited.role}, ${invited.by}, now() + ${DAYS} * interval '1 day')
    on conflict (email) do update set hash = excluded.hash, role = excluded.role, invited_by = excluded.invited_by, expires_at = excluded.expires_at, created_at = now()
    returning expires_at`);
  if (!row) throw new Error("insert returned no row");
  return { token, expiresAt: row.expires_at };
}

/** Turns the invitation into a user with a password, once. Throws UserError where it was used, has expired, or never was. */
export async function acceptInvitation(tx: Queries, token: string, name: string, passwordHash: string): Promise<User> {
  const [invited] = await tx.query<{ email: string; role: User["role"]; good: boolean }>(sql`
    delete from invitation where hash = ${hashOfToken(token)} returning email, role, expires_at > now() as good`);
  if (!invited?.good) throw new UserError("forbidden", "this invitation was used already or has expired: ask an administrator for another");
  const user = await addUser(tx, { name, email: invited.email, role: invited.role });
  await setPassword(tx, user.id, passwordHash);
  return user;
}

/** Those that can still be accepted, the latest first. */
export async function listInvitations(db: Queries): Promise<Invitation[]> {
  const rows = await db.query<{ email: string; role: User["role"]; invited_by: string; created_at: Date; expires_at: Date }>(sql`
    select i.email, i.role, u.name as invited_by, i.created_at, i.expires_at from invitation i join users u on u.id = i.invited_by
    where i.expires_at > now() order by i.created_at desc, i.email`);
  return rows.map((row) => ({
    email: row.email,
    role: row.role,
    invitedBy: row.invited_by,
    createdAt: row.created_at.toISOString(),
    expiresAt: row.expires_at.toISOString(),
  }));
}

export async function withdrawInvitation(db: Queries, email: string): Promise<void> {
  const gone = await db.query(sql`delete from invitation where email = ${email.toLowerCase()} returning email`);
  if (gone.length === 0) throw new UserError("not-found", `there is no invitation of ${email}: it may have been accepted already`);
}
