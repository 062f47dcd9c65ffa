import { readdir, readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

/** Kills every process that has `marker` as one of its arguments, until there is none. Throws when one does not end within 20 s. */
export async function killMarked(marker: string): Promise<void> {
  const deadline = performance.now() + 20_000;
  for (;;) {
    const found = await marked(marker);
    if (found.length === 0) return;
    if (performance.now() > deadline) throw new Error(`process ${found[0]} of a sandbox does not end`);
    for (const pid of found) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // it has just ended, or is somebody else's
      }
    }
    await sleep(5);
  }
}

async function marked(marker: string): Promise<number[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")));
  return pids.filter((_, index) => (lines[index] as string).split("\0").includes(marker)).map(Number);
}
