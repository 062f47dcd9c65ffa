import type { User } from "@farhand/protocol";
import { type Db, openDb, sql } from "../packages/server/src/store/db.ts";
import { claim } from "../packages/server/src/store/leases.ts";
import { migrate } from "../packages/server/src/store/migrate.ts";
import { startPostgres } from "../packages/server/src/store/postgres/server.ts";
import { createTask } from "../packages/server/src/store/tasks.ts";
import { ensureSystemUser } from "../packages/server/src/supervisor/system-user.ts";
import { populate } from "../packages/server/src/testing/populate.ts";
import { timed } from "./figure.ts";
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

/** What `fillQueue` leaves, and limits that none of its claims reaches. */
export const QUEUED = 10_000;
export const RUNNING = 50;
export const LEASE_MS = 600_000;
export const LIMITS = { maxRuns: QUEUED, maxRunsPerUser: QUEUED, maxRunsPerWorker: QUEUED };

/** Fills an empty database with tasks of one person, of which some run. */
export async function fillQueue(db: Db, say: (line: string) => void, signal: AbortSignal): Promise<User> {
  say(`queueing ${QUEUED} tasks`);
  const { user, draft } = await populate(db);
  await db.transaction(async (tx) => {
    for (let task = 0; task < QUEUED; task += 1) {
      signal.throwIfAborted();
      await createTask(tx, user, draft);
    }
  });
  await db.query(sql`analyze`); // as PostgreSQL does by itself within a minute
  await timed(RUNNING, signal, () => claim(db, "busy", LEASE_MS, LIMITS));
  return user;
}
