import type { AttemptView, TaskSummary, TranscriptView, TurnView } from "@farhand/protocol";
import { useState } from "react";
import { type Picks, shownAttempt } from "./shown.ts";

/** What of a task is looked at: a turn, and of each turn one of its attempts. */
export type LookedAt = {
  picks: Picks;
  /** Whose results are shown, and the attempt of it; undefined = nothing is known yet. */
  turn: TurnView | undefined;
  attempt: AttemptView | undefined;
  isLast: boolean;
  /** The last turn, and the attempt of it that the next one goes on from. */
  lastTurn: TurnView | undefined;
  latest: AttemptView | undefined;
  /** Whether `attempt` has a change. */
  hasChange: boolean;
  /** Looks at another attempt of the turn, by its number or by how many further on. */
  pick: (attempt: number) => void;
  pickNext: (by: 1 | -1) => void;
  /** Shows the results of a turn; null = of the last, whichever that is. */
  openTurn: (turn: number | null) => void;
};

export function useLookedAt(view: TranscriptView, task: TaskSummary): LookedAt {
  const [picks, setPicks] = useState<Picks>(new Map());
  const [opened, openTurn] = useState<number | null>(null);
  const lastTurn = view.turns.at(-1);
  const turn = view.turns.find((one) => one.turn === opened) ?? lastTurn;
  const isLast = turn === lastTurn;
  const latest = shownAttempt(view, lastTurn, picks);
  const attempt = isLast ? latest : shownAttempt(view, turn, picks);
  const isSummedUp = isLast && (!turn || turn.turn === task.turn); // a turn that has just begun is not in the summary yet
  const pick = (number: number) => turn && setPicks((before) => new Map(before).set(turn.turn, number));
  return {
    picks,
    turn,
    attempt,
    isLast,
    lastTurn,
    latest,
    hasChange: isSummedUp ? hasChange(task, attempt?.number) : attempt?.patch != null,
    pick,
    pickNext: (by) => {
      const many = turn?.attempts.length ?? 0;
      if (attempt && many > 1) pick(((attempt.number - 1 + by + many) % many) + 1);
    },
    openTurn,
  };
}

/** The summary says so long before a long log has been read to its end. */
function hasChange({ attempts }: TaskSummary, number: number | undefined): boolean {
  const attempt = attempts.find((one) => one.number === number) ?? attempts[0];
  if (attempt?.state === "awaiting-input") return attempt.stats.files > 0;
  return attempt?.state === "succeeded" || (attempt?.state === "failed" && attempt.stats !== null);
}
