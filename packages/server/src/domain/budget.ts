import type { LimitReached, TurnLimits, Usage } from "@farhand/protocol";

/** What one attempt may use. */
export type Budget = { steps: number; tokens: number; costUsd: number; minutes: number };

/** What the turn's request says, or else the environment (`turnMinutes`) or the service. */
export function budgetOf(
  limits: TurnLimits,
  turnMinutes: number,
  { maxSteps, maxTokens, maxCostUsd }: { maxSteps: number; maxTokens: number; maxCostUsd: number },
): Budget {
  const { steps = maxSteps, tokens = maxTokens, costUsd = maxCostUsd, minutes = turnMinutes } = limits;
  return { steps, tokens, costUsd, minutes };
}

/** What an attempt has used, in all its runs. What a provider did not say is not in it. */
export type Used = { steps: number; tokens: number; costUsd: number; ms: number };

const MS_PER_MINUTE = 60_000;

/** The limit that leaves no room for one more request; null = there is room. */
export function limitReached(budget: Budget, used: Used): LimitReached | null {
  if (used.steps >= budget.steps) return { limit: "steps", used: used.steps, allowed: budget.steps };
  if (used.tokens >= budget.tokens) return { limit: "tokens", used: used.tokens, allowed: budget.tokens };
  if (used.costUsd >= budget.costUsd) return { limit: "money", used: used.costUsd, allowed: budget.costUsd };
  if (remainingMs(budget, used) <= 0) return { limit: "time", used: used.ms / MS_PER_MINUTE, allowed: budget.minutes };
  return null;
}

export function remainingMs(budget: Budget, used: Pick<Used, "ms">): number {
  return budget.minutes * MS_PER_MINUTE - used.ms;
}

/** After one more request. */
export function withRequest(used: Used, { inputTokens, outputTokens, costUsd }: Usage): Used {
  return {
    ...used,
    steps: used.steps + 1,
    tokens: used.tokens + (inputTokens ?? 0) + (outputTokens ?? 0),
    costUsd: used.costUsd + (costUsd ?? 0),
  };
}
