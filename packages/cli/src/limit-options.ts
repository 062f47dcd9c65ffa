import type { LimitChanges, TurnLimits } from "@farhand/protocol";
import { Failure, USAGE } from "./failure.ts";
import { wholeNumber } from "./invocation.ts";

export type LimitOptions = { maxCost?: string; maxSteps?: string; maxTokens?: string; maxMinutes?: string };

const LIMITS = { maxCost: "costUsd", maxSteps: "steps", maxTokens: "tokens", maxMinutes: "minutes" } as const;

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

/** How the options change the limits of the turn before, `usual` taking one away; null = not at all. Throws Failure. */
export function limitChanges(options: LimitOptions): LimitChanges | null {
  const changes: LimitChanges = {};
  const named: LimitOptions = {};
  for (const option of Object.keys(LIMITS) as (keyof LimitOptions)[]) {
    const text = options[option];
    if (text === "usual") changes[LIMITS[option]] = null;
    else if (text !== undefined) named[option] = text;
  }
  const all = { ...changes, ...turnLimits(named) };
  return Object.keys(all).length === 0 ? null : all;
}
