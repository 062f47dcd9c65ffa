import type { LimitReached, Usage } from "@farhand/protocol";
import { type Budget, limitReached, remainingMs, type Used, withRequest } from "../domain/budget.ts";

/** What an attempt uses of its budget, from now on until its time is up. */
export type Spending = ReturnType<typeof openSpending>;

/** `before`: what it has used in earlier runs. */
export function openSpending(budget: Budget, before: Used) {
  const startedAt = performance.now();
  const timeUp = AbortSignal.timeout(Math.max(0, remainingMs(budget, before)));
  let used = before;
  return {
    /** Aborts when the time is up. */
    timeUp,
    /** One more request was made. */
    add(usage: Usage): void {
      used = withRequest(used, usage);
    },
    /** The limit that leaves no room for one more request; null = there is room. */
    reached(): LimitReached | null {
      const { minutes } = budget;
      if (timeUp.aborted) return { limit: "time", used: minutes, allowed: minutes };
      return limitReached(budget, { ...used, ms: used.ms + performance.now() - startedAt });
    },
  };
}
