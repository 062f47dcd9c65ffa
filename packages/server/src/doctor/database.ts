import { existsSync } from "node:fs";
import { join } from "node:path";
import type { HostCheck } from "@farhand/protocol";
import pg from "pg";
import { type Config, StartupError } from "../config.ts";
import { failed, ok } from "../domain/check.ts";
import { startPostgres } from "../store/postgres/server.ts";
import { databaseUrl, socketDirectory } from "../store/postgres/settings.ts";
import { lockHome } from "../supervisor/instance-lock.ts";
import { systemUser } from "../supervisor/system-user.ts";

const NAME = "database";

/** Connects to the database; the embedded one is started and stopped where it does not run, in `scratch` where there is none yet. */
export async function checkDatabase(config: Config, scratch: string, signal: AbortSignal): Promise<HostCheck> {
  if (config.databaseUrl !== null)
    return checkConnection(config.databaseUrl, "DATABASE_URL", "HostCheck DATABASE_URL, and that the server lets this user in.");
  const folder = join(config.home, "database");
  const sockets = socketDirectory(folder, process.getuid?.() ?? 0);
  const running = await checkConnection(databaseUrl(sockets, "farhand", "farhand"), "embedded", "");
  if (running.state === "ok") return running;
  if (process.getuid?.() === 0 && !systemUser())
    return ok(NAME, "embedded; could not be tried before the first start makes the system user farhand");
  try {
    if (!existsSync(join(folder, "data"))) return await tryStart(join(scratch, "database"), signal);
    using _lock = await lockHome(config.home, () => {});
    return await tryStart(folder, signal);
  } catch (error) {
    if (error instanceof StartupError) return failed(NAME, error.message, `Its own log: ${join(folder, "log")}`);
    throw error;
  }
}

async function checkConnection(url: string, kind: string, remedy: string): Promise<HostCheck> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  client.on("error", () => {});
  try {
    await client.connect();
    const { rows } = await client.query<{ server_version: string }>("show server_version");
    return ok(NAME, `${kind}, PostgreSQL ${rows[0]?.server_version}, answers`);
  } catch (error) {
    const { message, code } = error as NodeJS.ErrnoException;
    return failed(NAME, `${kind}: ${message || code}`, remedy);
  } finally {
    await client.end().catch(() => {});
  }
}

async function tryStart(folder: string, signal: AbortSignal): Promise<HostCheck> {
  const user = systemUser();
  const server = await startPostgres({ folder, owner: user && { uid: user.uid, gid: user.gid } }, signal);
  await server.stop();
  return ok(NAME, "embedded, not running; it was started and stopped");
}
