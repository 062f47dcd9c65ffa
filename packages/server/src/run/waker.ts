import { setTimeout as sleep } from "node:timers/promises";

/** Lets a loop wait for work. A wake that comes while nobody waits is not lost. */
export interface Waker {
  wake(): void;
  /** Resolves at the next wake, at once if there was one since the last wait, or after `ms`. */
  wait(ms: number): Promise<void>;
}

export function waker(): Waker {
  let pending = false;
  let wake = () => {};
  return {
    wake() {
      pending = true;
      wake();
    },
    async wait(ms) {
      if (!pending) {
        const timer = new AbortController();
        const woken = new Promise<void>((resolve) => {
          wake = resolve;
        });
        await Promise.race([woken, sleep(ms, undefined, { signal: timer.signal }).catch(() => {})]);
        timer.abort();
      }
      pending = false;
    },
  };
}
