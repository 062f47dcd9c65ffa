import type { TaskSummary } from "@farhand/protocol";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { client } from "../../lib/api.ts";
import { takeTask } from "../task-list/tasks.ts";
import { isAtWork } from "../task-log/fresh-task.ts";

export type Deed = "cancel" | "archive" | "unarchive" | "publish" | "retry" | "go-on";

/** What *Go on* says for its user. */
const GO_ON = "Go on where you stopped.";

/** What can be done with a task now, the next step first, `attempt` of its last turn being looked at. Only these get a button and a key. */
export function deedsFor(task: TaskSummary, attempt: number): Deed[] {
  if (task.archived) return ["unarchive"];
  if (isAtWork(task)) return ["cancel"];
  const mayRetry = task.kind === "work" && task.attempts.every(({ state }) => state === "failed" || state === "cancelled");
  if (mayRetry) return reachedLimit(task, attempt) ? ["go-on", "retry", "archive"] : ["retry", "archive"];
  return mayPublish(task, attempt) ? ["publish", "archive"] : ["archive"];
}

function mayPublish({ publication, turn, changeTurn, attempts }: TaskSummary, attempt: number): boolean {
  const changed = attempts.some((one) => one.number === attempt && one.state === "succeeded" && one.stats.files > 0);
  const changedLast = turn === changeTurn; // else it only answered since, and all its attempts have the same change
  const same = publication !== null && publication.turn >= changeTurn && (!changedLast || publication.attempt === attempt);
  return changed && (publication === null || publication.state === "failed" || (publication.state === "published" && !same));
}

/** Whether it worked until it had used up what it was allowed: what it did is kept, and another turn may use as much again. */
function reachedLimit({ attempts }: TaskSummary, number: number): boolean {
  const attempt = attempts.find((one) => one.number === number);
  if (attempt?.state !== "failed") return false;
  const { reason } = attempt;
  return reason.kind === "budget-reached" || reason.kind === "step-limit" || (reason.kind === "time-limit" && reason.phase === "agent");
}

/** Does one of them; the task as it is afterwards is taken into everything that is shown. */
export function useDeed(task: string, attempt: number) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (deed: Deed) => {
      if (deed === "publish") return client.publish(task, { attempt });
      return deed === "go-on" ? client.followUp(task, { prompt: GO_ON, attempt }) : client[deed](task);
    },
    onSuccess: (after) => takeTask(queries, after),
  });
}
