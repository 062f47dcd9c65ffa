import { spawnSync } from "node:child_process";
import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { StartupError } from "../config.ts";
import { isAlive } from "../store/postgres/process-state.ts";

export type HomeLock = Disposable & {
  /** Given to child processes, so that the home stays locked until the last of them is gone, even when this process is killed. */
  fd: number;
};

const WAIT_MS = 15_000;

/**
 * One Farhand for one home. The kernel holds the lock, so a killed process leaves none behind. When only children of a killed one are left, it
 * waits for them to end. Throws StartupError that names the process in the way.
 */
export async function lockHome(home: string, say: (line: string) => void): Promise<HomeLock> {
  const path = join(home, "lock");
  const fd = openSync(path, "a+", 0o600);
  try {
    const deadline = performance.now() + WAIT_MS;
    for (let told = false; !tryLock(fd); told = true) {
      const pid = Number.parseInt(readFileSync(path, "utf8"), 10);
      if (pid > 0 && isAlive(pid)) {
        throw new StartupError(
          `${home} is in use: Farhand already runs there as process ${pid}. Stop that one first, or set FARHAND_HOME to another folder.`,
        );
      }
      if (performance.now() > deadline)
        throw new StartupError(`${home} is in use by processes of an earlier Farhand that do not end: see them with "fuser ${path}"`);
      if (!told) say("Waiting for the processes of an earlier start to end");
      await setTimeout(100);
    }
    ftruncateSync(fd);
    writeSync(fd, `${process.pid}\n`);
    return { fd, [Symbol.dispose]: () => closeSync(fd) };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** flock(1) locks the open file that it shares with this process, and the lock stays when it exits. Node has no such call. */
function tryLock(fd: number): boolean {
  const run = spawnSync("flock", ["--nonblock", "--conflict-exit-code", "1", "3"], {
    stdio: ["ignore", "ignore", "pipe", fd],
    encoding: "utf8",
  });
  if (run.status === 0) return true;
  if (run.status === 1) return false;
  throw new StartupError(
    `the home could not be locked: ${run.stderr?.trim() || run.error?.message || `flock ended with ${run.status ?? run.signal}`}`,
  );
}
