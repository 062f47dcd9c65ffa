import { type Config, readConfig, StartupError } from "./config.ts";
import { armCrashes } from "./crash.ts";
import { isConnectionFault } from "./store/db.ts";
import { prepareDatabase } from "./supervisor/database.ts";
import { prepareHome } from "./supervisor/home.ts";
import { lockHome } from "./supervisor/instance-lock.ts";
import { supervise } from "./supervisor/supervise.ts";

/** Under the supervisor, which has prepared home and database, and whose death ends this process too. */
const supervised = process.send !== undefined;
const isRoot = process.getuid?.() === 0;
const LONGEST_STOP_MS = 10_000;

const stopping = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => stopping.abort());
if (supervised) process.on("disconnect", () => stopping.abort());

for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {}); // a reader that is gone, or a full disk, stops no service
const say = (line: string) => void process.stdout.write(`${line}\n`);

/** Serves until the signal, then stops what it started. The code of a role is loaded only by that role. */
async function serve(config: Config): Promise<void> {
  if (config.role === "all") return supervise(config, process.env, say, stopping.signal);
  await using parts = new AsyncDisposableStack();
  armCrashes(config.crashAt, config.home);
  if (!supervised) await prepareAlone(config, parts);
  const service =
    config.role === "api"
      ? await (await import("./api/start.ts")).startApi(config)
      : await (await import("./run/start.ts")).startWorker(config);
  parts.defer(() => service.stop());
  if (!supervised) say(`The ${config.role} is running`);
  if (!stopping.signal.aborted) await new Promise((done) => stopping.signal.addEventListener("abort", done, { once: true }));
  setTimeout(() => process.exit(1), LONGEST_STOP_MS).unref();
}

async function prepareAlone(config: Config, parts: AsyncDisposableStack): Promise<void> {
  if (config.databaseUrl === null)
    throw new StartupError(`DATABASE_URL: the role ${config.role} needs the database that all processes share`);
  prepareHome(config.home, isRoot);
  if (config.role === "worker") parts.use(await lockHome(config.home, say));
  await prepareDatabase(config.databaseUrl, config.home, stopping.signal);
}

try {
  await serve(readConfig(process.env, isRoot));
  process.exit(); // with 1 where its work came to an end that nobody asked for
} catch (error) {
  if (error === stopping.signal.reason) process.exit(0); // stopped while it started
  if (error instanceof StartupError) {
    process.stderr.write(`farhand: ${error.message}\n`);
    if (supervised) process.send?.("startup-error", () => process.exit(1));
    else process.exit(1);
  } else {
    if (isConnectionFault(error)) process.stderr.write(`farhand: the database does not answer: ${(error as Error).message}\n`);
    else console.error(error);
    process.exit(1);
  }
}
