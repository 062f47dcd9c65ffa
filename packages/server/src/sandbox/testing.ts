import { type ChildProcess, type StdioOptions, spawn } from "node:child_process";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import type { Limits } from "@farhand/protocol";
import { bubblewrapDriver } from "./bubblewrap/driver.ts";
import { removeAt } from "./bubblewrap/layers.ts";
import type { Roads } from "./egress/reach.ts";
import type { Command, Sandbox, SandboxDriver, SandboxSpec } from "./sandbox.ts";

export const TEST_LIMITS: Limits = { memoryMb: 512, cpus: 2, processes: 128, diskMb: 512, turnMinutes: 5, required: false };

export type WorkerProcess = ChildProcess & { stdout: Readable };

export type TestDriver = AsyncDisposable & {
  driver: SandboxDriver;
  home: string;
  /** A spec with a run of its own. */
  spec(changes?: Partial<SandboxSpec>): SandboxSpec;
  /** A sandbox as `spec` makes it. Dispose it, or leave it to the disposal of this. */
  create(changes?: Partial<SandboxSpec>): Promise<Sandbox>;
  /** A worker process on the same home that makes a sandbox of this run and executes the script in it, printing its output; to be killed. Its descriptor 40 is `inherited`. */
  worker(run: string, script: string, inherited?: number): WorkerProcess;
};

/** A real driver on a home of its own, a directory in the system's temporary one; for tests. Disposal ends every sandbox and removes the home. */
export async function testDriver(prefix = "farhand-sandbox-", roads?: Roads): Promise<TestDriver> {
  const home = await mkdtemp(join(tmpdir(), prefix));
  const driver = testDriverOn(home, roads);
  const made: Sandbox[] = [];
  const create = driver.create.bind(driver);
  driver.create = async (spec, signal) => {
    const sandbox = await create(spec, signal);
    made.push(sandbox);
    return sandbox;
  };
  const workers: ChildProcess[] = [];
  let runs = 0;
  const spec = (changes: Partial<SandboxSpec> = {}): SandboxSpec => ({
    run: `test.${++runs}`,
    layers: [],
    owner: 0,
    limits: TEST_LIMITS,
    variables: {},
    ...changes,
  });
  return {
    driver,
    home,
    spec,
    create: (changes) => driver.create(spec(changes), AbortSignal.timeout(240_000)),
    worker(run, script, inherited) {
      const main = fileURLToPath(new URL("testing-worker.ts", import.meta.url));
      const stdio: StdioOptions = ["ignore", "pipe", "inherit"];
      // Node itself keeps the first 16 from being passed on.
      if (inherited !== undefined) stdio.push(...Array<"ignore">(37).fill("ignore"), inherited);
      const worker = spawn(process.execPath, [main, home, run, script], { stdio }) as WorkerProcess;
      workers.push(worker);
      return worker;
    },
    async [Symbol.asyncDispose]() {
      for (const worker of workers) worker.kill("SIGKILL");
      await Promise.all(made.map((sandbox) => sandbox[Symbol.asyncDispose]()));
      await driver.sweep(new Set());
      await removeAt(home, process.geteuid?.() === 0 ? "root" : "user"); // layers may hold directories of mode 000
    },
  };
}

export function testDriverOn(home: string, roads?: Roads): SandboxDriver {
  return bubblewrapDriver({ home, uids: { base: 210_000_000, count: 1000 }, ...(roads && { roads }) });
}

export type Result = { exit: Awaited<ReturnType<Sandbox["exec"]>["exit"]>; stdout: string; stderr: string };

/** Runs a script of /bin/sh, or whole argv, to its end. Output is read as Latin-1: one character per byte. */
export async function run(
  sandbox: Sandbox,
  script: string | Command["argv"],
  changes: Partial<Command> = {},
  signal?: AbortSignal,
): Promise<Result> {
  const argv: Command["argv"] = typeof script === "string" ? ["sh", "-c", script] : script;
  const execution = sandbox.exec({ argv, cwd: "/workspace", timeoutMs: 240_000, ...changes }, signal ?? AbortSignal.timeout(300_000));
  const output = { stdout: "", stderr: "" };
  for await (const { stream, bytes } of execution.output) output[stream] += Buffer.from(bytes).toString("latin1");
  return { exit: await execution.exit, ...output };
}
