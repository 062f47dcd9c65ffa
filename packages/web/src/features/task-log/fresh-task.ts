import type { TaskSummary, TranscriptView } from "@farhand/protocol";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { knownTask, taskQuery } from "../task-list/tasks.ts";

/** The task as the service sums it up; at first as the list has it, and asked for again whenever its log says that its state has changed. */
export function useFreshTask(id: string, view: TranscriptView) {
  const queries = useQueryClient();
  const states = view.attempts.map(({ state, base }) => `${state.state} ${state.state === "running" ? state.phase : ""} ${base?.commit}`);
  const { publication } = view;
  const key = [
    ...states,
    publication?.state,
    publication?.turn,
    view.title,
    view.archived,
    view.turns.length,
    view.turns.at(-1)?.chosen,
  ].join(" ");
  const known = view.lastSeq > 0;
  useEffect(() => {
    void key;
    if (known) void queries.invalidateQueries({ queryKey: ["task", id] });
  }, [queries, id, key, known]);
  return useQuery({ ...taskQuery(id), placeholderData: () => knownTask(queries, id) });
}

/** An agent that waits for an answer only rests. */
export function isAtWork({ status, attempts }: TaskSummary): boolean {
  return status === "running" || status === "waiting" || attempts.some(({ state }) => state === "awaiting-input");
}
