import { randomInt } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { commandLines } from "./processes.ts";

/** Where a script in a sandbox waits until the test has seen what it wants to see. Each run that comes to it waits anew. */
export type Gate = {
  /** What to write into the script. It prints nothing, and succeeds. */
  readonly command: string;
  /** Waits until a script has come to it, and lets it go on. */
  open(): Promise<void>;
};

export function makeGate(): Gate {
  const waiting = `sleep ${randomInt(10 ** 6, 10 ** 9)}`; // told by its length from every other on this machine
  return {
    command: `{ ${waiting} || true; } 2>/dev/null`,
    async open() {
      for (;;) {
        const found = (await commandLines()).filter(({ line }) => line === waiting);
        if (found.filter(({ pid }) => end(pid)).length > 0) return;
        await sleep(50);
      }
    },
  };
}

/** false = it has ended already. */
function end(pid: number): boolean {
  try {
    return process.kill(pid, "SIGTERM");
  } catch {
    return false;
  }
}
