import type { User } from "@farhand/protocol";
import { type Db, openDb, sql } from "../packages/server/src/store/db.ts";
import { migrate } from "../packages/server/src/store/migrate.ts";
import { startPostgres } from "../packages/server/src/store/postgres/server.ts";
import { createTask } from "../packages/server/src/store/tasks.ts";
import { ensureSystemUser } from "../packages/server/src/supervisor/system-user.ts";
import { populate } from "../packages/server/src/testing/populate.ts";
import { temporaryFolder } from "./folder.ts";

/** A migrated database on a PostgreSQL of its own, as durable as the service's; gone on disposal. */
export async function benchDatabase(say: (line: string) => void, signal: AbortSignal): Promise<{ db: Db; url: string } & AsyncDisposable> {
  await using parts = new AsyncDisposableStack();
  const folder = parts.use(await temporaryFolder());
  const owner = ensureSystemUser(folder.path, say);
  const server = await startPostgres({ folder: folder.path, owner }, signal);
  parts.defer(() => server.stop());
  await migrate(server.url);
  const db = openDb(server.url, () => {});
  parts.defer(() => db.close());
  const all = parts.move();
  return { db, url: server.url, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

/** Puts so many tasks of one person into an empty database. */
export async function queueTasks(db: Db, count: number, signal: AbortSignal): Promise<User> {
  const { user, draft } = await populate(db);
  await db.transaction(async (tx) => {
    for (let task = 0; task < count; task += 1) {
      signal.throwIfAborted();
      await createTask(tx, user, draft);
    }
  });
  await db.query(sql`analyze`); // as PostgreSQL does by itself within a minute
  return user;
}
