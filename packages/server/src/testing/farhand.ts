import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const program = fileURLToPath(new URL("../main.ts", import.meta.url));
const LIMIT_MS = 60_000;

export type Farhand = {
  process: ChildProcess;
  home: string;
  port: number;
  output: () => string;
  ready: () => Promise<void>;
  exit: Promise<number>;
};

/** A folder that the system user can reach, removed afterwards together with whatever still runs there. */
export async function temporaryHome(): Promise<AsyncDisposable & { home: string }> {
  const folder = await mkdtemp(join(tmpdir(), "farhand-"));
  await chmod(folder, 0o711);
  return {
    home: join(folder, "home"),
    async [Symbol.asyncDispose]() {
      await until("nothing runs there", async () => {
        const left = await processesOf(folder); // what is killed may have just started another
        for (const pid of left) killed(pid);
        return left.length === 0;
      });
      await rm(folder, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}

function killed(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // it has ended meanwhile
  }
}

/** Starts the real program, as `npm start` does, in a process group of its own. `stderr`: where that goes instead of `output`, as an open file. */
export function startFarhand(
  home: string,
  port: number,
  variables: Record<string, string> = {},
  stderr: "pipe" | number = "pipe",
): Farhand {
  const env = {
    ...process.env,
    FARHAND_HOME: home,
    FARHAND_PORT: String(port),
    FARHAND_TEST_DATABASE: undefined,
    FARHAND_SAMPLE: "no",
    ...variables,
  };
  const started = spawn(process.execPath, [program], { env, detached: true, stdio: ["ignore", "pipe", stderr] });
  let output = "";
  for (const stream of [started.stdout, started.stderr]) stream?.on("data", (bytes: Buffer) => (output += bytes));
  const exit = once(started, "close").then(([code, signal]) => code ?? signal);
  return {
    process: started,
    home,
    port,
    output: () => output,
    exit,
    async ready() {
      await until("it is ready", async () => output.includes("Farhand is ready at") || started.exitCode !== null).catch((error) => {
        throw new Error(`${error.message}; it said: ${output}`);
      });
    },
  };
}

/** Every process that has this folder in its arguments or in its environment. */
export async function processesOf(folder: string): Promise<number[]> {
  const found: number[] = [];
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number)) {
    const [args, env] = await Promise.all(["cmdline", "environ"].map((name) => procFile(pid, name)));
    if (pid !== process.pid && `${args}\0${env}`.includes(folder)) found.push(pid);
  }
  return found;
}

/** The process that the supervisor of this home has started for this role and that still runs. What it starts itself has its environment, but another parent. */
export async function partOf(supervisor: number | undefined, home: string, role: string): Promise<number | null> {
  for (const pid of await processesOf(home)) {
    const [stat, env] = await Promise.all([procFile(pid, "stat"), procFile(pid, "environ")]);
    const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
    if (parent === supervisor && env.split("\0").includes(`FARHAND_ROLE=${role}`)) return pid;
  }
  return null;
}

const procFile = (pid: number, name: string) => readFile(`/proc/${pid}/${name}`, "utf8").catch(() => "");

/** Waits until it holds. Rejects after a minute, with what was waited for. */
export async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + LIMIT_MS;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`waited in vain until ${what}`);
    await setTimeout(25);
  }
}
