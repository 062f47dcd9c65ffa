import { chmod, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import type { HostCheck } from "@farhand/protocol";
import { type Config, readConfig, StartupError } from "../config.ts";
import { failed } from "../domain/check.ts";
import { bubblewrapDriver } from "../sandbox/bubblewrap/driver.ts";
import { reportOf } from "./check.ts";
import { checkDatabase } from "./database.ts";
import { checkUse } from "./disk-use.ts";
import { checkDisk, checkGit, checkHome, checkNode, checkService, nearestFolder } from "./host.ts";
import { checkSandbox } from "./sandbox.ts";

const isRoot = process.getuid?.() === 0;
const LIMIT_MS = 60_000;

const interrupted = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => interrupted.abort());

/** Tries each thing that tasks need, for real, with the settings of this environment. Leaves nothing behind, interrupted or not; then it throws. */
async function examine(config: Config): Promise<HostCheck[]> {
  const limit = AbortSignal.timeout(LIMIT_MS);
  const stop = AbortSignal.any([limit, interrupted.signal]);
  const checks = [
    checkNode(process.versions.node),
    checkGit(),
    checkHome(config.home),
    checkDisk(config.home),
    await checkService(config, stop),
  ];
  const scratch = await mkdtemp(join(nearestFolder(config.home), ".doctor-")); // on the disk of the home: not every file system can do what is needed
  try {
    if (isRoot) await chmod(scratch, 0o711);
    checks.push(await within(limit, "database", checkDatabase(config, scratch, stop)));
    checks.push(...(await checkUse(config, stop)));
    interrupted.signal.throwIfAborted();
    checks.push(await within(limit, "sandbox bubblewrap", checkSandbox(bubblewrapDriver({ home: scratch, uids: config.uids }))));
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
  return checks;
}

function within(limit: AbortSignal, name: string, check: Promise<HostCheck>): Promise<HostCheck> {
  const late = new Promise<HostCheck>((done) => {
    limit.addEventListener("abort", () => done(failed(name, `no answer within ${LIMIT_MS / 1000} s`, "Something on this machine hangs.")), {
      once: true,
    });
  });
  const broken = (error: unknown) => failed(name, (error as Error).message, "This is not expected: please report it.");
  return Promise.race([check.catch(broken), late]);
}

async function checksOf(): Promise<HostCheck[]> {
  try {
    return await examine(readConfig(process.env, isRoot));
  } catch (error) {
    if (error instanceof StartupError) return [failed("settings", error.message, "See docs/configuration.md.")];
    return [failed("doctor", (error as Error).message, "Start it as the user that runs Farhand.")];
  }
}

const args = process.argv.slice(2);
if (args.some((arg) => arg !== "--json")) {
  process.stderr.write("usage: farhand doctor [--json]\n");
  process.exit(2);
}
const checks = await checksOf();
if (interrupted.signal.aborted) process.exit(130);
const good = checks.every(({ state }) => state !== "failed");
process.stdout.write(args.includes("--json") ? `${JSON.stringify({ ok: good, checks }, null, 2)}\n` : `${reportOf(checks)}\n`);
process.exit(good ? 0 : 1);
