import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { type Config, StartupError } from "../config.ts";
import { keepRunning } from "./child.ts";
import { prepareDatabase, startDatabase } from "./database.ts";
import { prepareHome } from "./home.ts";
import { lockHome } from "./instance-lock.ts";
import { requireFreePort } from "./port.ts";
import { untilReady } from "./ready.ts";
import { makeSample } from "./sample.ts";
import { ensureSystemUser } from "./system-user.ts";
import { type Variables, variablesOf } from "./variables.ts";
import { welcome } from "./welcome.ts";

type Role = "api" | "worker";

/** With the database's own time, everything is gone within 10 s of the signal. */
const STOP_MS: Record<Role, number> = { api: 2500, worker: 3500 };
const MOST_FIRST_STARTS = 3;

const program = fileURLToPath(new URL("../main.ts", import.meta.url));

/**
 * The role `all`: a database, an API process and a worker process, each started again when it dies, until the signal. Then it stops the API,
 * the worker and the database, in this order, and resolves when nothing is left. Throws StartupError when it cannot start.
 */
export async function supervise(config: Config, variables: Variables, say: (line: string) => void, stopping: AbortSignal): Promise<void> {
  prepareHome(config.home, process.getuid?.() === 0);
  await using parts = new AsyncDisposableStack(); // disposed from the last to the first
  const lock = parts.use(await lockHome(config.home, say));
  await requireFreePort(config.host, config.port);
  const user = ensureSystemUser(config.home, say);
  const failed = new AbortController();
  const halt = AbortSignal.any([stopping, failed.signal]);
  try {
    const databaseUrl = config.databaseUrl ?? parts.use(await startDatabase(config.home, user, say, halt)).url;
    say("Preparing the database");
    await prepareDatabase(databaseUrl, config.home, halt);
    halt.throwIfAborted();
    if (config.sample) await makeSample(databaseUrl, config.home, say);
    say("Starting the API and a worker");
    let ready = false;
    for (const role of ["worker", "api"] as const) {
      const fail = (message: string) => {
        if (!ready) failed.abort(new StartupError(message));
      };
      const own = variablesOf(role, { ...variables, FARHAND_ROLE: role, FARHAND_HOME: config.home, DATABASE_URL: databaseUrl });
      const child = keepRunning({
        name: `${role} process`,
        say,
        launch: () => launch(own, lock.fd).once("message", () => fail(`the ${role} process could not start; its own message stands above`)),
        again: (why, inARow) => {
          if (inARow >= MOST_FIRST_STARTS) fail(`the ${role} process ended ${inARow} times while starting (${why})`);
          return !halt.aborted;
        },
      });
      parts.defer(() => child.stop(STOP_MS[role]));
    }
    await untilReady(config, say, halt);
    ready = true;
    say(`Farhand is ready at http://${config.host.includes(":") ? `[${config.host}]` : config.host}:${config.port}`);
    await welcome(databaseUrl, config, say);
    if (!stopping.aborted) await new Promise((done) => stopping.addEventListener("abort", done, { once: true }));
  } catch (error) {
    if (failed.signal.aborted) throw failed.signal.reason;
    if (!stopping.aborted) throw error;
  }
  say("Stopping");
}

/** In a session of its own, so that Ctrl-C in the terminal does not end it out of order. It sends a message only when it cannot start. */
function launch(env: Variables, lock: number): ChildProcess {
  return spawn(process.execPath, [program], { env, detached: true, stdio: ["ignore", "inherit", "inherit", "ipc", lock] });
}
