import { spawnSync } from "node:child_process";
import { existsSync, statfsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import type { HostCheck } from "@farhand/protocol";
import { type Config, StartupError } from "../config.ts";
import { failed, ok, warning } from "../domain/check.ts";
import { prepareHome } from "../supervisor/home.ts";
import { requireFreePort } from "../supervisor/port.ts";
import { whatIsMissing } from "../supervisor/ready.ts";

const OLDEST_NODE = 24;
/** Debian 12's is 2.39, Ubuntu 22.04's is 2.34. */
const OLDEST_GIT = [2, 34] as const;
const GIB = 1024 ** 3;

export function checkNode(version: string): HostCheck {
  if (Number.parseInt(version, 10) >= OLDEST_NODE) return ok("node", version);
  return failed("node", `${version} is older than ${OLDEST_NODE}`, "Start Farhand by npm start or bin/farhand: they bring their own Node.");
}

export function checkGit(): HostCheck {
  const run = spawnSync("git", ["--version"], { encoding: "utf8" });
  if (run.status !== 0) return failed("git", run.error?.message ?? run.stderr.trim(), "Install git, on Debian: apt-get install -y git");
  return judgeGit(run.stdout.trim());
}

export function judgeGit(answer: string): HostCheck {
  const [, major = "0", minor = "0"] = /(\d+)\.(\d+)/.exec(answer) ?? [];
  const [oldestMajor, oldestMinor] = OLDEST_GIT;
  const recent = Number(major) > oldestMajor || (Number(major) === oldestMajor && Number(minor) >= oldestMinor);
  if (recent) return ok("git", answer.replace(/^git version /, ""));
  return failed("git", `${answer} is too old`, `Install git ${OLDEST_GIT.join(".")} or later.`);
}

/** The folder itself, or the nearest one above it that exists. */
export function nearestFolder(path: string): string {
  let folder = path;
  while (!existsSync(folder)) folder = dirname(folder);
  return folder;
}

export function checkHome(home: string): HostCheck {
  if (!existsSync(home)) return ok("home", `${home} will be made at the first start`);
  try {
    prepareHome(home, process.getuid?.() === 0);
  } catch (error) {
    if (error instanceof StartupError) return failed("home", error.message, "See docs/configuration.md about FARHAND_HOME.");
    throw error;
  }
  const token = statSync(`${home}/token`, { throwIfNoEntry: false });
  if (token && (token.mode & 0o077) !== 0)
    return failed("home", `${home}/token can be read by others`, `Give the command: chmod 600 ${home}/token`);
  return ok("home", home);
}

export function checkDisk(home: string): HostCheck {
  const { bavail, bsize } = statfsSync(nearestFolder(home));
  return judgeDisk(bavail * bsize, home);
}

export function judgeDisk(freeBytes: number, home: string): HostCheck {
  const free = `${(freeBytes / GIB).toFixed(1)} GiB free for ${home}`;
  const remedy = "Make room, or set FARHAND_HOME to a folder on a larger disk.";
  if (freeBytes < GIB) return failed("disk", free, remedy);
  return freeBytes < 5 * GIB ? warning("disk", free, remedy) : ok("disk", free);
}

/** Whether the service answers on its port, or could listen there. */
export async function checkService(config: Config, signal: AbortSignal): Promise<HostCheck> {
  try {
    await requireFreePort(config.host, config.port);
    return ok("service", `not running; port ${config.port} on ${config.host} is free`);
  } catch (error) {
    if (!(error instanceof StartupError)) throw error;
    const missing = await whatIsMissing(config, signal);
    if (missing === null) return failed("service", error.message, "No Farhand answers there.");
    if (missing.length === 0) return ok("service", `ready at ${config.publicUrl}`);
    return failed("service", `it runs, and cannot run tasks: ${missing.join("; ")}`, "The checks here and the service's own log say more.");
  }
}
