import type { AttemptState, DiffStats, FailureReason, Question } from "@farhand/protocol";
import type { Checkpoint } from "./checkpoint.ts";

/** An attempt whose workers were lost this often, with no call of a tool finished in between, is not tried again: it may be what kills them. */
export const MAX_RUNS = 5;

/** How a run ended. `checkpoint`: the tree that the patch was taken from. */
export type Outcome =
  /** `stopped`: by its user, before the agent was done. */
  | { kind: "succeeded"; patch: { blob: string; bytes: number }; stats: DiffStats; stopped?: boolean; checkpoint?: Checkpoint }
  | { kind: "failed"; reason: FailureReason; patch: string | null; stats: DiffStats | null; checkpoint?: Checkpoint }
  /** The agent waits for its user. */
  | { kind: "asks"; question: Question; patch: string; stats: DiffStats; checkpoint?: Checkpoint }
  | { kind: "cancelled" }
  /** Cut off by no fault of the attempt: its worker stops, or has to. */
  | { kind: "interrupted"; detail: string }
  /** Its worker died, of which this attempt may be the cause. */
  | { kind: "worker-lost"; detail: string };

/** What becomes of the attempt after a run that ended so. `runs`: how many there were since the last call of a tool that finished. */
export function afterRun(outcome: Outcome, runs: number): Exclude<AttemptState, { state: "running" }> {
  switch (outcome.kind) {
    case "succeeded":
      return { state: "succeeded", stats: outcome.stats, ...(outcome.stopped && { stopped: true }) };
    case "failed":
      return { state: "failed", reason: outcome.reason, stats: outcome.stats };
    case "asks": {
      const { text: question, options } = outcome.question;
      return { state: "awaiting-input", question, options, stats: outcome.stats };
    }
    case "cancelled":
      return { state: "cancelled" };
    case "interrupted":
      return { state: "queued" };
    case "worker-lost":
      return runs < MAX_RUNS ? { state: "queued" } : { state: "failed", reason: { kind: "worker-lost", runs }, stats: null };
    default:
      return outcome satisfies never;
  }
}
