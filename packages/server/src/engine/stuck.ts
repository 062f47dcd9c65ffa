import type { ToolMessage } from "./calls.ts";
import type { ToolCall } from "./models/model.ts";

/** The same call that fails so often, with nothing done in between: first a word to the model, then the end. */
const NUDGE_AFTER = 3;
const STOP_AFTER = 5;

/** What to do about an agent that goes round in circles. `detail` is the finding in words, `tell` what the model is to hear. */
export type Verdict = { kind: "go-on" } | { kind: "nudge"; tell: string } | { kind: "stop"; detail: string };

export type Done = { call: ToolCall; result: ToolMessage; changes: boolean };

const GO_ON: Verdict = { kind: "go-on" };

/** Watches one turn: tells the agent once that it is stuck, and ends it if that did not help. Something that succeeds and may have changed the tree clears it. */
export function stuckWatch() {
  const failures = new Map<string, number>();
  let nudged = false;
  let empty = 0;
  return {
    /** The calls of a reply and what came of them. */
    afterCalls(calls: readonly Done[]): Verdict {
      empty = 0;
      let verdict = GO_ON;
      for (const { call, result, changes } of calls) {
        if (!failed(result)) {
          if (!changes) continue;
          failures.clear();
          nudged = false;
          continue;
        }
        const key = JSON.stringify([call.name, call.input]);
        const times = (failures.get(key) ?? 0) + 1;
        failures.set(key, times);
        const finding = `the same call of ${call.name} has failed ${times} times, with nothing changed in between`;
        if (times >= STOP_AFTER) return { kind: "stop", detail: finding };
        if (times >= NUDGE_AFTER && !nudged)
          verdict = { kind: "nudge", tell: `${upper(finding)}. It will fail again: find out why, or go another way.` };
      }
      if (verdict.kind === "nudge") nudged = true;
      return verdict;
    },
    /** A reply without a word and without a call. */
    afterEmpty(): Verdict {
      empty += 1;
      if (empty > 1) return { kind: "stop", detail: "the model answered with nothing, and with nothing again when it was told so" };
      return {
        kind: "nudge",
        tell: "Your answer was empty. Go on with the task; if it is done, say in words what you did and how you checked it.",
      };
    },
  };
}

function failed({ isError, exit }: ToolMessage): boolean {
  return isError || (exit !== null && !(exit.kind === "exited" && exit.code === 0));
}

function upper(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
