import { z } from "zod";

/** Model requests. */
const steps = z.int().min(1).max(100_000);
/** Of input and output together. */
const tokens = z.int().min(1).max(1_000_000_000_000);
/** Counts only where the model's price is known. */
const costUsd = z.number().positive().max(1_000_000);
/** Of the agent's work: setup and the like have limits of their own. */
const minutes = z.int().min(1).max(1440);

/** What each attempt of a turn may use before it stops and keeps its work. What is absent has the default of the service or the environment. */
export const TurnLimits = z.strictObject({ steps, tokens, costUsd, minutes }).partial();
export type TurnLimits = z.infer<typeof TurnLimits>;

/** How a turn's limits differ from those of the turn before; null = the default again. */
export const LimitChanges = z
  .strictObject({ steps: steps.nullable(), tokens: tokens.nullable(), costUsd: costUsd.nullable(), minutes: minutes.nullable() })
  .partial();
export type LimitChanges = z.infer<typeof LimitChanges>;

/** Which limit of a turn ended it, what was used of it and what was allowed: steps, tokens, US dollars or minutes. */
export const LimitReached = z.object({ limit: z.enum(["steps", "tokens", "money", "time"]), used: z.number(), allowed: z.number() });
export type LimitReached = z.infer<typeof LimitReached>;

/** As in "reached its limit of 200 steps". */
export function limitInWords({ limit, used, allowed }: LimitReached): string {
  switch (limit) {
    case "steps":
      return `limit of ${number(allowed)} ${allowed === 1 ? "step" : "steps"}`;
    case "tokens":
      return `limit of ${number(allowed)} tokens (used ${number(used)})`;
    case "money":
      return `limit of ${allowed.toFixed(2)} US dollars (used ${used.toFixed(2)})`;
    case "time":
      return `limit of ${number(allowed)} ${allowed === 1 ? "minute" : "minutes"}`;
    default:
      return limit satisfies never;
  }
}

function number(value: number): string {
  return Math.round(value).toLocaleString("en");
}
