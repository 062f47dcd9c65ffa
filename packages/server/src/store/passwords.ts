import { newId } from "../domain/id.ts";
import { type Queries, sql } from "./db.ts";

/** The password of a user from now on, whether or not they had one. */
export async function setPassword(db: Queries, userId: string, hash: string): Promise<void> {
  await db.query(sql`
    insert into account (id, user_id, provider_id, account_id, password) values (${newId("acc")}, ${userId}, 'credential', ${userId}, ${hash})
    on conflict (provider_id, account_id) do update set password = excluded.password, updated_at = now()`);
}
