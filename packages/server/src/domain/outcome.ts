import type { AttemptState, DiffStats, FailureReason } from "@farhand/protocol";

/** An attempt whose workers were lost this often is not tried again: it may be what kills them. */
export const MAX_RUNS = 5;

/** How a run ended. */
export type Outcome =
  /** `stopped`: by its user, before the agent was done. */
  | { kind: "succeeded"; patch: { blob: string; bytes: number }; stats: DiffStats; stopped?: boolean }
  | { kind: "failed"; reason: FailureReason; patch: string | null; stats: DiffStats | null }
  | { kind: "cancelled" }
  /** Cut off by no fault of the attempt: its worker stops or was lost. */
  | { kind: "interrupted"; detail: string };

/** What becomes of the attempt after its run number `run` ended so. */
export function afterRun(outcome: Outcome, run: number): Exclude<AttemptState, { state: "running" }> {
  switch (outcome.kind) {
    case "succeeded":
      return { state: "succeeded", stats: outcome.stats, ...(outcome.stopped && { stopped: true }) };
    case "failed":
      return { state: "failed", reason: outcome.reason, stats: outcome.stats };
    case "cancelled":
      return { state: "cancelled" };
    case "interrupted":
      return run < MAX_RUNS ? { state: "queued" } : { state: "failed", reason: { kind: "worker-lost", runs: run }, stats: null };
    default:
      return outcome satisfies never;
  }
}
