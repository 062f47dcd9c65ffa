import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { access, cp, mkdir, readFile, rm, statfs, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type Client, connect, type TaskEvent } from "@farhand/protocol";
import { faultsOf, untilEvent } from "../e2e/integrity.ts";
import { leftovers } from "../e2e/leftovers.ts";
import { makeRepository, type Repository, script } from "../e2e/repository.ts";
import { startDatabase } from "../packages/server/src/supervisor/database.ts";
import { ensureSystemUser } from "../packages/server/src/supervisor/system-user.ts";
import { freePort } from "../packages/server/src/testing/free-port.ts";
import { command } from "./command.ts";
import { temporaryFolder } from "./folder.ts";

const TASKS = 50;
const WORKERS = 4;
const REPOSITORIES = 5;
const STEPS = 6;
const MiB = 1024 * 1024;
/** Room for the database; small, so that it can be filled. */
const DISK = "1500m";
const FULL_MS = 8000;
const START_MS = 5 * 60_000;
const TASKS_END_MS = 15 * 60_000;

/**
 * `node bench/survive.ts [MINUTES]`: tasks on several workers, which are killed at random with the API for some minutes, while the database is killed
 * twice and its disk filled once. Then all tasks must end well, but those that were cut off so often between two steps that the service had to give them
 * up, and nothing may be lost, doubled or left. For root: it mounts a small disk.
 */
async function main(minutes: number, stop: AbortSignal): Promise<number> {
  await using resources = new AsyncDisposableStack();
  const folder = resources.use(await temporaryFolder());
  const disk = join(folder.path, "database");
  await mkdir(disk);
  await command(["mount", "-t", "tmpfs", "-o", `size=${DISK},mode=0755`, "tmpfs", disk], stop);
  resources.defer(async () => void (await command(["umount", "--lazy", disk], new AbortController().signal)));
  const database = resources.use(await startDatabase(disk, ensureSystemUser(disk, say), say, stop));

  const starting = AbortSignal.any([stop, AbortSignal.timeout(START_MS)]);
  const home = (name: string) => join(folder.path, name);
  const port = await freePort();
  const variables = {
    DATABASE_URL: database.url,
    FARHAND_PORT: String(port),
    FARHAND_LEASE_SECONDS: "5",
    FARHAND_MAX_RUNS_PER_USER: "50",
    FARHAND_KEEP_SANDBOX_MINUTES: "0",
  };
  const part = (role: string, name: string) =>
    resources.use(
      keepAlive({
        ...variables,
        FARHAND_ROLE: role,
        FARHAND_HOME: home(name),
        FARHAND_WORKER_NAME: name,
        FARHAND_MAX_RUNS_PER_WORKER: "3",
      }),
    );
  const first = part("worker", "worker-1");
  await until(() => access(join(home("worker-1"), "keys/worker.key")), starting);
  const api = part("api", "api");
  for (let number = 2; number <= WORKERS; number++) {
    await mkdir(home(`worker-${number}`));
    await cp(join(home("worker-1"), "keys"), join(home(`worker-${number}`), "keys"), { recursive: true });
  }
  const workers = [first, ...Array.from({ length: WORKERS - 1 }, (_, index) => part("worker", `worker-${index + 2}`))];
  const token = await until(() => readFile(join(home("api"), "token"), "utf8"), starting);
  const client = connect({ url: `http://127.0.0.1:${port}`, token: token.trim() });

  const shops: Repository[] = [];
  for (let number = 0; number < REPOSITORIES; number++) {
    const shop = resources.use(await makeRepository({ "README.md": "# Shop\n", ".gitignore": "ignored\n" }));
    await until(
      () => client.createEnvironment({ name: `shop-${number}`, repository: shop.path, publish: "always", setup: "echo made > ignored" }),
      starting,
    );
    shops.push(shop);
  }
  const tasks: { id: string; shop: Repository }[] = [];
  for (let number = 0; number < TASKS; number++) {
    const shop = shops[number % REPOSITORIES] as Repository;
    const { id } = await until(
      () => client.createTask({ environment: `shop-${number % REPOSITORIES}`, prompt: promptOf(number) }),
      starting,
    );
    tasks.push({ id, shop });
  }
  say(`${TASKS} tasks are given; ${minutes} minutes of trouble begin`);
  const trouble = await makeTrouble(minutes * 60_000, { workers, api, disk }, stop);
  say(`trouble is over: ${trouble}`);

  const limit = AbortSignal.any([stop, AbortSignal.timeout(TASKS_END_MS)]);
  const faults: string[] = [];
  let runs = 0;
  let givenUp = 0;
  for (const { id, shop } of tasks) {
    const found = await faultsOfTask(client, id, shop, limit);
    runs += found.runs;
    if (found.isGivenUp) givenUp += 1;
    faults.push(...found.faults.map((fault) => `${id}: ${fault}`));
  }
  for (let number = 1; number <= WORKERS; number++) {
    await until(
      async () => {
        if ((await leftovers(home(`worker-${number}`))).length > 0) throw new Error("something is left");
      },
      AbortSignal.any([stop, AbortSignal.timeout(20_000)]),
    ).catch(() => {});
    faults.push(...(await leftovers(home(`worker-${number}`))).map((what) => `left by worker ${number}: ${what}`));
  }
  for (const fault of faults) say(fault);
  console.log(
    `${TASKS} tasks, ${runs} runs, ${givenUp} given up as worker-lost; ${trouble}; ${faults.length === 0 ? "nothing was lost, doubled or left" : `${faults.length} faults`}.`,
  );
  return faults.length === 0 ? 0 : 1;
}

/** Each step leaves a line, some bytes, and time in which something may happen. */
function promptOf(task: number): string {
  const step = (number: number) =>
    `test -e ignored; echo ${task}.${number} >> log; head -c 20000 /dev/urandom > data-${number}; echo step ${number}; sleep 1`;
  return script(...Array.from({ length: STEPS }, (_, index) => step(index + 1)));
}

type Found = { faults: string[]; runs: number; isGivenUp?: boolean };

async function faultsOfTask(client: Client, id: string, shop: Repository, limit: AbortSignal): Promise<Found> {
  const ends = ["publication.published", "publication.failed", "attempt.failed", "attempt.cancelled"] as const;
  const events = await until(() => untilEvent(client, id, ends, limit), limit).catch((error: Error) => error);
  if (events instanceof Error) return { faults: [events.message], runs: 0 };
  const last = events.at(-1)?.body;
  const faults = faultsOf(events);
  const runs = runsIn(events);
  const inVain = runsIn(events.slice(events.findLastIndex(({ body }) => body.type === "tool.finished") + 1));
  if (last?.type === "attempt.failed" && last.reason.kind === "worker-lost" && inVain >= last.reason.runs)
    return { faults, runs, isGivenUp: true };
  if (last?.type !== "publication.published") return { faults: [...faults, `ended with ${JSON.stringify(last)}`], runs: 0 };
  if ((await shop.git("rev-list", "--count", `main..${last.branch}`)) !== "1") faults.push("its branch has more than one commit");
  const lines = (await shop.git("show", `${last.branch}:log`)).split("\n").map((line) => line.split(".")[1]);
  if (lines.join() !== Array.from({ length: STEPS }, (_, index) => index + 1).join()) faults.push(`its log reads ${lines.join()}`);
  return { faults, runs };
}

const runsIn = (events: readonly TaskEvent[]) => events.filter(({ body }) => body.type === "run.started").length;

type Parts = { workers: readonly Part[]; api: Part; disk: string };

/** Kills parts at random; a third and two thirds of the way, the database; in the middle, fills its disk. Says what it did. */
async function makeTrouble(ms: number, { workers, api, disk }: Parts, stop: AbortSignal): Promise<string> {
  const startedAt = performance.now();
  const share = () => (performance.now() - startedAt) / ms;
  const done = { workers: 0, api: 0, database: 0, full: 0 };
  while (share() < 1) {
    await sleep(500 + Math.random() * 2500, undefined, { signal: stop });
    if (share() > (done.database + 1) / 3 && done.database < 2) {
      done.database += 1;
      const pid = Number.parseInt(await readFile(join(disk, "database/data/postmaster.pid"), "utf8"), 10);
      say(`killing the database (${pid})`);
      process.kill(pid, "SIGKILL");
    } else if (share() > 0.5 && done.full === 0) {
      done.full = 1;
      await fill(disk, stop);
    } else if (Math.random() < 0.15) {
      done.api += 1;
      api.kill();
    } else {
      done.workers += 1;
      workers[Math.floor(Math.random() * workers.length)]?.kill();
    }
  }
  return `${done.workers} times a worker killed, ${done.api} times the API, ${done.database} times the database, ${done.full} time its disk full`;
}

async function fill(disk: string, stop: AbortSignal): Promise<void> {
  const { bavail, bsize } = await statfs(disk);
  say(`filling the disk of the database (${Math.round((bavail * bsize) / MiB)} MiB)`);
  const ballast = join(disk, "ballast");
  for (let left = bavail * bsize, number = 0; left > 0; left -= 64 * MiB, number++)
    await writeFile(`${ballast}-${number}`, Buffer.alloc(Math.min(left, 64 * MiB))).catch(() => {});
  await sleep(FULL_MS, undefined, { signal: stop }).catch(() => {});
  for (let number = 0; number * 64 * MiB < bavail * bsize; number++) await rm(`${ballast}-${number}`, { force: true });
  say("there is room again");
}

type Part = AsyncDisposable & { kill(): void };

/** A process of ours that is started again whenever it ends. Disposal stops it. */
function keepAlive(variables: Record<string, string>): Part {
  const main = fileURLToPath(new URL("../packages/server/src/main.ts", import.meta.url));
  const env = { PATH: process.env.PATH, FARHAND_LOG_LEVEL: "error", ...variables };
  let ending = false;
  let child: ChildProcess;
  const start = () => {
    child = spawn(process.execPath, [main], { env, stdio: ["ignore", "ignore", "inherit"] }); // why it cannot start
    child.once("exit", () => ending || setTimeout(() => ending || start(), 200));
  };
  start();
  return {
    kill: () => void child.kill("SIGKILL"),
    async [Symbol.asyncDispose]() {
      ending = true;
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill("SIGTERM");
      await once(child, "exit");
    },
  };
}

async function until<T>(ask: () => Promise<T>, stop: AbortSignal): Promise<T> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (stop.aborted) throw error;
      await sleep(300);
    }
  }
}

function say(line: string): void {
  process.stderr.write(`survive: ${line}\n`);
}

const stopping = new AbortController();
for (const name of ["SIGINT", "SIGTERM"] as const) process.on(name, () => stopping.abort(new Error(`stopped by ${name}`)));
process.exitCode = await main(Number(process.argv[2] ?? 3), stopping.signal);
