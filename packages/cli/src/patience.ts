import { setTimeout as sleep } from "node:timers/promises";
import { ApiError, Unreachable } from "@farhand/protocol";

const WAIT_MS = 1000;
const LIMIT_MS = 120_000;

/** Asks again while the service or its database is away for a moment: the task goes on meanwhile, and so does who watches it. */
export async function patiently<T>(ask: () => Promise<T>, signal: AbortSignal): Promise<T> {
  const giveUp = performance.now() + LIMIT_MS;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      const passing = (error instanceof Unreachable && error.passing) || (error instanceof ApiError && error.status >= 500);
      if (!passing || performance.now() > giveUp) throw error;
    }
    await sleep(WAIT_MS, undefined, { signal });
  }
}
