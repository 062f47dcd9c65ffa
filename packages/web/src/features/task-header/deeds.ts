import type { TaskSummary } from "@farhand/protocol";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { client } from "../../lib/api.ts";
import { takeTask } from "../task-list/tasks.ts";

export type Deed = "cancel" | "archive" | "unarchive" | "publish";

/** What can be done with a task now, the next step first, `attempt` of its last turn being looked at. Only these get a button and a key. */
export function deedsFor(task: TaskSummary, attempt: number): Deed[] {
  if (task.archived) return ["unarchive"];
  if (task.status === "running" || task.status === "waiting") return ["cancel"];
  const { publication } = task;
  const changed = task.attempts.some((one) => one.number === attempt && one.state === "succeeded" && one.stats.files > 0);
  const changedLast = task.turn === task.changeTurn; // else it only answered since, and all its attempts have the same change
  const same = publication !== null && publication.turn >= task.changeTurn && (!changedLast || publication.attempt === attempt);
  const mayPublish = changed && (publication === null || publication.state === "failed" || (publication.state === "published" && !same));
  return mayPublish ? ["publish", "archive"] : ["archive"];
}

/** Does one of them; the task as it is afterwards is taken into everything that is shown. */
export function useDeed(task: string, attempt: number) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (deed: Deed) => (deed === "publish" ? client.publish(task, { attempt }) : client[deed](task)),
    onSuccess: (after) => takeTask(queries, after),
  });
}
