import type { LimitChanges, TurnLimits } from "@farhand/protocol";
import { Failure, USAGE } from "./failure.ts";
import { wholeNumber } from "./invocation.ts";

export type LimitOptions = { maxCost?: string; maxSteps?: string; maxTokens?: string; maxMinutes?: string };

type Read = (text: string) => number;
const LIMITS: readonly { option: keyof LimitOptions; limit: keyof TurnLimits; read: Read }[] = [
  { option: "maxSteps", limit: "steps", read: (text) => wholeNumber("--max-steps", text) },
  { option: "maxTokens", limit: "tokens", read: (text) => wholeNumber("--max-tokens", text) },
  { option: "maxMinutes", limit: "minutes", read: (text) => wholeNumber("--max-minutes", text) },
  { option: "maxCost", limit: "costUsd", read: dollars },
];

/** The limits that the options name; null = they name none. Throws Failure. */
export function turnLimits(options: LimitOptions): TurnLimits | null {
  return named(options, (text, read) => read(text));
}

/** How the options change the limits of the turn before, `usual` taking one away; null = not at all. Throws Failure. */
export function limitChanges(options: LimitOptions): LimitChanges | null {
  return named(options, (text, read) => (text === "usual" ? null : read(text)));
}

function named<T>(options: LimitOptions, take: (text: string, read: Read) => T): Partial<Record<keyof TurnLimits, T>> | null {
  const found = LIMITS.flatMap(({ option, limit, read }) => {
    const text = options[option];
    return text === undefined ? [] : [[limit, take(text, read)] as const];
  });
  return found.length === 0 ? null : Object.fromEntries(found);
}

function dollars(text: string): number {
  if (!/^\d+(\.\d+)?$/.test(text) || Number(text) <= 0)
    throw new Failure(`--max-cost takes US dollars, such as 2.50, not ${JSON.stringify(text)}`, USAGE);
  return Number(text);
}
