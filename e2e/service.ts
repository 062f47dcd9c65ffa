import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Client, connect } from "@farhand/protocol";
import { partOf } from "../packages/server/src/testing/farhand.ts";
import { freePort } from "../packages/server/src/testing/free-port.ts";

const main = fileURLToPath(new URL("../packages/server/src/main.ts", import.meta.url));
const command = fileURLToPath(new URL("../packages/cli/src/main.ts", import.meta.url));

export type Ran = { code: number; stdout: string; stderr: string };

/** A whole service as its users have it: supervisor, database, API and worker as processes of their own, on a home of its own. */
export interface Service extends AsyncDisposable {
  readonly url: string;
  readonly home: string;
  readonly token: string;
  readonly client: Client;
  /** Everything the service has printed. */
  readonly printed: () => string;
  /** Runs the command line; a nonzero exit is a value. */
  farhand(args: readonly string[], stdin?: string): Promise<Ran>;
  /** Standard output of a call that must succeed. Throws with all it said. */
  said(args: readonly string[], stdin?: string): Promise<string>;
  /** The process id of a part. */
  pid(role: "supervisor" | "api" | "worker"): Promise<number>;
  /** Where the parts find the database. */
  databaseUrl(): Promise<string>;
  /** SIGTERM to the supervisor; resolves with its exit code once all has ended. */
  stop(): Promise<number | null>;
  /** kill -9 of the supervisor. */
  kill(): Promise<void>;
}

export type ServiceOptions = { home?: string; env?: Record<string, string>; keepHome?: boolean };

/** Resolves when the service says that it is ready. */
export async function startService(options: ServiceOptions = {}): Promise<Service> {
  const home = options.home ?? (await mkdtemp(join(tmpdir(), "farhand-e2e-")));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const env = {
    PATH: process.env.PATH,
    FARHAND_HOME: home,
    FARHAND_PORT: String(port),
    FARHAND_LEASE_SECONDS: "3",
    FARHAND_SAMPLE: "no",
    ...options.env,
  };
  const supervisor = spawn(process.execPath, [main], { env, stdio: ["ignore", "pipe", "pipe"] });
  let printed = "";
  for (const stream of [supervisor.stdout, supervisor.stderr]) stream.setEncoding("utf8").on("data", (text: string) => (printed += text));
  const parent = supervisor.pid ?? 0;
  const exited = once(supervisor, "exit");
  await ready(supervisor, () => printed);
  const token = (await readFile(join(home, "token"), "utf8")).trim();

  const service: Service = {
    url,
    home,
    token,
    client: connect({ url, token }),
    printed: () => printed,
    farhand: (args, stdin = "") =>
      run(process.execPath, [command, ...args], { PATH: process.env.PATH, HOME: home, FARHAND_URL: url, FARHAND_TOKEN: token }, stdin),
    async said(args, stdin) {
      const ran = await service.farhand(args, stdin);
      if (ran.code !== 0) throw new Error(`farhand ${args.join(" ")} ended with ${ran.code}: ${ran.stderr}${ran.stdout}`);
      return ran.stdout;
    },
    async pid(role) {
      const pid = role === "supervisor" ? parent : await partOf(parent, home, role);
      if (pid === null) throw new Error(`the supervisor has no ${role}`);
      return pid;
    },
    async databaseUrl() {
      const env = await readFile(`/proc/${await service.pid("worker")}/environ`, "utf8");
      return /(?:^|\0)DATABASE_URL=([^\0]*)/.exec(env)?.[1] ?? "";
    },
    async stop() {
      if (supervisor.exitCode === null && supervisor.signalCode === null) supervisor.kill("SIGTERM");
      await exited;
      return supervisor.exitCode;
    },
    async kill() {
      supervisor.kill("SIGKILL");
      await exited;
    },
    async [Symbol.asyncDispose]() {
      await service.stop();
      if (!options.keepHome) await rm(home, { recursive: true, force: true, maxRetries: 3 });
    },
  };
  return service;
}

function ready(supervisor: ChildProcess, printed: () => string): Promise<void> {
  return new Promise((resolve, reject) => {
    const look = () => /^(Farhand is ready at |The \w+ is running)/m.test(printed()) && resolve();
    supervisor.stdout?.on("data", look);
    // not "exit", which may come before its last words
    supervisor.once("close", (code) => reject(new Error(`the service ended with ${code}:\n${printed()}`)));
  });
}

export function run(file: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env, stdin = "", cwd?: string): Promise<Ran> {
  return new Promise((resolve) => {
    const child = execFile(file, args, { env, maxBuffer: 256 * 1024 * 1024, ...(cwd && { cwd }) }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code ?? 1) : 0, stdout, stderr }),
    );
    child.stdin?.on("error", () => {}); // it may end without reading
    child.stdin?.end(stdin);
  });
}

/** The task id that a command printed. */
export function idIn(text: string): string {
  const id = /task_[0-9a-z]{16}/.exec(text)?.[0];
  if (!id) throw new Error(`no task id in: ${text}`);
  return id;
}
