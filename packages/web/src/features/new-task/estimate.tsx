import type { Estimate, Mode } from "@farhand/protocol";
import { queryOptions } from "@tanstack/react-query";
import { client } from "../../lib/api.ts";
import { money, plural } from "../../lib/words.ts";

/** What an attempt of a new task is likely to take, and what it may; `model` undefined = the usual one. */
export const estimateQuery = (environment: string, mode: Mode, model: string | undefined) =>
  queryOptions({
    queryKey: ["estimate", environment, mode, model ?? ""],
    queryFn: () => client.estimate(environment, { mode, ...(model === undefined ? {} : { model }) }),
  });

/** One line under the box; empty while too little has been done in the environment. */
export function EstimateLine({ estimate, attempts }: { estimate: Estimate | null; attempts: number }) {
  const by =
    estimate &&
    `By the last ${plural(estimate.attempts, "attempt")} here that went well, with ${estimate.sameModel ? "this" : "any"} model`;
  return (
    <p
      className="mt-2 min-h-5 px-1 text-[12.5px] text-ink-2"
      title={by ? `${by}: half took the first or less, four of five the second or less` : undefined}
    >
      {estimate ? estimateInWords(estimate, attempts) : null}
    </p>
  );
}

/** As in "usually 4 to 9 min, $0.30 to $0.80". Attempts side by side take no longer, and cost each their own. */
export function estimateInWords({ minutes, costUsd }: Estimate, attempts: number): string {
  const time = between(timeInWords(minutes.median), timeInWords(minutes.most));
  const cost = costUsd && costUsd.most > 0 ? `, ${between(money(costUsd.median * attempts), money(costUsd.most * attempts))}` : "";
  return `usually ${time}${cost}`;
}

function between(from: string, to: string): string {
  if (from === to) return from;
  const unit = " min";
  return from.endsWith(unit) && to.endsWith(unit) ? `${from.slice(0, -unit.length)} to ${to}` : `${from} to ${to}`;
}

function timeInWords(minutes: number): string {
  if (minutes < 1) return "under 1 min";
  return minutes < 90 ? `${Math.round(minutes)} min` : `${Math.round(minutes / 6) / 10} h`;
}
