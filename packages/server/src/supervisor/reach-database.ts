import { existsSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import { type Config, StartupError } from "../config.ts";
import { startPostgres } from "../store/postgres/server.ts";
import { databaseUrl, socketDirectory } from "../store/postgres/settings.ts";
import type { Database } from "./database.ts";
import { lockHome } from "./instance-lock.ts";
import { systemUser } from "./system-user.ts";

/**
 * The database of these settings, for a command beside the service: where the service runs, the one it uses; else the embedded one of the home is
 * started, and stopped on disposal. Throws StartupError where there is none.
 */
export async function reachDatabase(config: Config, say: (line: string) => void, signal: AbortSignal): Promise<Database> {
  if (config.databaseUrl !== null) return { url: config.databaseUrl, async [Symbol.asyncDispose]() {} };
  const folder = join(config.home, "database");
  if (!existsSync(join(folder, "data")))
    throw new StartupError(`there is no database in ${config.home}: set FARHAND_HOME or DATABASE_URL as the service has them`);
  const running = databaseUrl(socketDirectory(folder, process.getuid?.() ?? 0), "farhand", "farhand");
  if (await answers(running)) return { url: running, async [Symbol.asyncDispose]() {} };
  return startHere(config.home, say, signal);
}

/** Starts the embedded database of a home that nobody uses, making it where there is none; disposal stops it. Throws StartupError. */
export async function startHere(home: string, say: (line: string) => void, signal: AbortSignal): Promise<Database> {
  await using parts = new AsyncDisposableStack();
  parts.use(await lockHome(home, say));
  const user = systemUser();
  const owner = user && { uid: user.uid, gid: user.gid };
  const server = await startPostgres({ folder: join(home, "database"), owner, say }, signal);
  parts.defer(() => server.stop());
  const held = parts.move();
  return { url: server.url, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

async function answers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  client.on("error", () => {});
  try {
    await client.connect();
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => {});
  }
}
