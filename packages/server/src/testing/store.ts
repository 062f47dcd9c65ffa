import type { User } from "@farhand/protocol";
import { type Db, openDb, sql } from "../store/db.ts";
import { createTask, type TaskDraft } from "../store/tasks.ts";
import { testDatabase } from "./database.ts";
import { populate } from "./populate.ts";

/** A populated database of its own, for tests. */
export async function testStore(): Promise<
  { db: Db; url: string; user: User; give(draft?: Partial<TaskDraft>, by?: User): Promise<string> } & AsyncDisposable
> {
  const database = await testDatabase();
  const db = openDb(database.url, () => {});
  const { user, draft } = await populate(db);
  return {
    db,
    url: database.url,
    user,
    give: (change, by = user) => db.transaction((tx) => createTask(tx, by, { ...draft, ...change })),
    async [Symbol.asyncDispose]() {
      await db.close();
      await database[Symbol.asyncDispose]();
    },
  };
}

/** Resolves once a statement of this database waits for a lock. */
export async function someoneWaits(db: Db): Promise<void> {
  for (;;) {
    const waiting = await db.query(
      sql`select 1 as waits from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
    );
    if (waiting.length > 0) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
