import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { type Config, readConfig, StartupError } from "../config.ts";
import { closedFolder, prepareHome } from "../supervisor/home.ts";
import { lockHome } from "../supervisor/instance-lock.ts";
import { reachDatabase, startHere } from "../supervisor/reach-database.ts";
import { ensureSystemUser } from "../supervisor/system-user.ts";
import { backup } from "./backup.ts";
import { checkBackup, refuseOtherKey, restore } from "./restore.ts";

const isRoot = process.getuid?.() === 0;
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {}); // a reader that is gone cuts nothing off in the middle
const say = (line: string) => void process.stdout.write(`${line}\n`);
const interrupted = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
  process.on(signal, () => interrupted.abort(new StartupError("interrupted; nothing was kept")));

const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as { version: string };

async function save(file: string, config: Config, signal: AbortSignal): Promise<void> {
  await using database = await reachDatabase(config, say, signal);
  await backup(file, config, database.url, version, say, signal);
}

async function bringBack(file: string, config: Config, signal: AbortSignal): Promise<void> {
  say(`Checking ${file}`);
  const checked = await checkBackup(file, signal);
  const { farhand, at } = checked.manifest;
  say(`It was written by Farhand ${farhand} at ${at}`);
  await refuseOtherKey(config.home, checked);
  prepareHome(config.home, isRoot);
  await using parts = new AsyncDisposableStack();
  if (config.databaseUrl !== null) parts.use(await lockHome(config.home, say));
  const url = config.databaseUrl ?? parts.use(await ownDatabase(config, signal)).url;
  say("Restoring");
  await restore(checked, config.home, url, say, signal);
  say("Restored. Start Farhand: what ran at the time of the backup runs again, and all secrets can be opened.");
}

async function ownDatabase(config: Config, signal: AbortSignal) {
  const user = ensureSystemUser(config.home, say);
  const closed = user && closedFolder(config.home, user);
  if (closed) throw new StartupError(`FARHAND_HOME: the database runs as the user ${user.name}, who may not enter ${closed}`);
  return startHere(config.home, say, signal);
}

const [deed, file, ...more] = process.argv.slice(2);
if ((deed !== "backup" && deed !== "restore") || file === undefined || file.startsWith("-") || more.length > 0) {
  process.stderr.write(`usage: farhand ${deed === "restore" ? "restore" : "backup"} FILE\n`);
  process.exit(2);
}
try {
  await (deed === "backup" ? save : bringBack)(resolve(file), readConfig(process.env, isRoot), interrupted.signal);
} catch (error) {
  const told = interrupted.signal.aborted ? interrupted.signal.reason : error;
  process.stderr.write(told instanceof StartupError ? `farhand: ${told.message}\n` : `farhand: ${deed} failed: ${told?.message ?? told}\n`);
  process.exitCode = interrupted.signal.aborted ? 130 : 1;
}
// Node's own way out takes the handlers away first: one more Ctrl-C would then end it by the signal.
if (interrupted.signal.aborted) process.exit();
