import type { TurnLimits } from "@farhand/protocol";
import { Failure, USAGE } from "./failure.ts";
import { wholeNumber } from "./invocation.ts";

export type LimitOptions = { maxCost?: string; maxSteps?: string; maxTokens?: string; maxMinutes?: string };

/** The limits that the options name; null = they name none. Throws Failure. */
export function turnLimits({ maxCost, maxSteps, maxTokens, maxMinutes }: LimitOptions): TurnLimits | null {
  const limits: TurnLimits = {};
  if (maxSteps !== undefined) limits.steps = wholeNumber("--max-steps", maxSteps);
  if (maxTokens !== undefined) limits.tokens = wholeNumber("--max-tokens", maxTokens);
  if (maxMinutes !== undefined) limits.minutes = wholeNumber("--max-minutes", maxMinutes);
  if (maxCost !== undefined) {
    if (!/^\d+(\.\d+)?$/.test(maxCost) || Number(maxCost) <= 0)
      throw new Failure(`--max-cost takes US dollars, such as 2.50, not ${JSON.stringify(maxCost)}`, USAGE);
    limits.costUsd = Number(maxCost);
  }
  return Object.keys(limits).length === 0 ? null : limits;
}
