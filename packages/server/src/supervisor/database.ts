import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { StartupError } from "../config.ts";
import { ensureLocalAdministrator } from "../store/first-start.ts";
import { migrate } from "../store/migrate.ts";
import { startPostgres } from "../store/postgres/server.ts";
import { pauseMs } from "./child.ts";
import { closedFolder } from "./home.ts";
import type { SystemUser } from "./system-user.ts";

export type Database = AsyncDisposable & { url: string };

/** In less than the service as a whole may take to stop. */
const STOP_MS = 2500;

/** Starts the embedded PostgreSQL of `home`, and again whenever it dies, until disposed; then it is stopped. `user` runs it, where this is root. */
export async function startDatabase(
  home: string,
  user: SystemUser | null,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<Database> {
  const closed = user && closedFolder(home, user);
  if (closed) {
    throw new StartupError(
      `FARHAND_HOME: the database runs as the user ${user.name}, who may not enter ${closed}. Set FARHAND_HOME to a folder that this user can reach, such as /var/lib/farhand.`,
    );
  }
  say("Starting PostgreSQL");
  const owner = user && { uid: user.uid, gid: user.gid };
  const start = () => startPostgres({ folder: join(home, "database"), owner, say }, signal);
  let server = await start();
  const watching = new AbortController();

  async function watch(): Promise<void> {
    for (;;) {
      await server.untilEnded(watching.signal);
      for (let tries = 1; !watching.signal.aborted; tries++) {
        say("PostgreSQL ended; starting it again");
        try {
          server = await start();
          break;
        } catch (error) {
          if (!signal.aborted) say((error as Error).message);
          await setTimeout(pauseMs(tries), undefined, { signal: watching.signal }).catch(() => {});
        }
      }
      if (watching.signal.aborted) return;
    }
  }

  const watched = watch();
  return {
    url: server.url,
    async [Symbol.asyncDispose]() {
      watching.abort();
      await watched;
      await server.stop(STOP_MS);
    },
  };
}

/** Brings the schema forward and makes sure that there is an administrator. Throws StartupError, or the signal's reason. */
export async function prepareDatabase(databaseUrl: string, home: string, signal: AbortSignal): Promise<void> {
  try {
    await migrate(databaseUrl, signal);
    await ensureLocalAdministrator(databaseUrl, home);
  } catch (error) {
    signal.throwIfAborted();
    const { message, code } = error as NodeJS.ErrnoException; // several refused addresses make an error without a message
    throw new StartupError(`the database cannot be used: ${message || code}`, { cause: error });
  }
}
