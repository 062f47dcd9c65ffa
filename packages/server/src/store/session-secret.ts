import { randomBytes } from "node:crypto";
import { type Queries, sql } from "./db.ts";

const SETTING = "session-secret";

/** What session cookies are signed with: made once, the same for all API processes of this database. */
export async function sessionSecret(db: Queries): Promise<string> {
  await db.query(
    sql`insert into setting (key, value) values (${SETTING}, ${JSON.stringify(randomBytes(32).toString("base64url"))}::jsonb) on conflict do nothing`,
  );
  const [row] = await db.query<{ value: string }>(sql`select value from setting where key = ${SETTING}`);
  if (!row) throw new Error(`the setting ${SETTING} is missing`);
  return row.value;
}
