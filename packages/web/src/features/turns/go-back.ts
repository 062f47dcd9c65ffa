import type { AttemptView, TaskSummary } from "@farhand/protocol";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { client } from "../../lib/api.ts";

/** Going back to a step of the attempt that is looked at, when the next turn is to begin there and not at its end. */
export type GoBack = {
  /** The steps that can be gone back to. */
  steps: readonly number[];
  /** The one that is chosen; null = the next turn goes on from the end. */
  step: number | null;
  choose: (step: number | null) => void;
};

const NONE: readonly number[] = [];

/** `attempt`: of the last turn. The choice holds for that attempt of that turn alone. */
export function useGoBack(task: TaskSummary, attempt: number): GoBack {
  const [chosen, setChosen] = useState<{ turn: number; attempt: number; step: number } | null>(null);
  const { id, turn } = task;
  const ended = task.attempts.every(({ state }) => state === "succeeded" || state === "failed" || state === "cancelled");
  const enabled = ended && task.mode === "code" && task.kind === "work" && !task.archived;
  const kept = useQuery({
    queryKey: ["steps-kept", id, turn, attempt],
    queryFn: () => client.stepsKept(id, attempt),
    enabled,
    staleTime: Number.POSITIVE_INFINITY, // of an attempt that has ended they only become fewer, long after
  });
  return {
    steps: (enabled && kept.data) || NONE,
    step: enabled && chosen?.turn === turn && chosen.attempt === attempt ? chosen.step : null,
    choose: (step) => setChosen(step === null ? null : { turn, attempt, step }),
  };
}

/** The step whose last call is this item; null = none. */
export function stepEndingAt({ items }: AttemptView, at: number): number | null {
  const step = stepOf(items[at]);
  if (step === null) return null;
  const next = items.slice(at + 1, at + 50).find((item) => stepOf(item) !== null);
  return stepOf(next) === step ? null : step;
}

/** Calls are named by their step. */
function stepOf(item: AttemptView["items"][number] | undefined): number | null {
  if (!item || !("call" in item) || item.supersededBy !== null) return null;
  const [step = ""] = item.call.split(".");
  return /^\d+$/.test(step) ? Number(step) : null;
}
