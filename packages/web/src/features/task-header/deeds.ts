import type { TaskSummary } from "@farhand/protocol";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { client } from "../../lib/api.ts";
import { takeTask } from "../task-list/tasks.ts";

export type Deed = "cancel" | "archive" | "unarchive" | "publish";

/** What can be done with a task now, the next step first. Only these get a button and a key. */
export function deedsFor(task: TaskSummary): Deed[] {
  if (task.archived) return ["unarchive"];
  if (task.status === "running" || task.status === "waiting") return ["cancel"];
  const { publication } = task;
  const changed = task.attempts.some((attempt) => attempt.state === "succeeded" && attempt.stats.files > 0);
  const mayPublish = changed && (publication === null || publication.state === "failed");
  return mayPublish ? ["publish", "archive"] : ["archive"];
}

/** Does one of them; the task as it is afterwards is taken into everything that is shown. */
export function useDeed(task: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (deed: Deed) => client[deed](task),
    onSuccess: (after) => takeTask(queries, after),
  });
}
