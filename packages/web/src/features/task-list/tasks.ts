import { TaskPage, TaskSummary } from "@farhand/protocol";
import { type QueryClient, queryOptions } from "@tanstack/react-query";
import { ask } from "../../lib/api.ts";
import { live } from "../../lib/live/live.ts";
import { readStored, writeStored } from "../../lib/stored.ts";
import { inOrder } from "./filters.ts";

const STORED = "tasks";
const MOST_STORED = 50;

const page = (search: string) => ask("GET", `/tasks?limit=100${search}`, TaskPage);

/** The latest tasks that are not archived; at once from what the browser kept, then from the service, then live. */
export const tasksQuery = queryOptions({
  queryKey: ["tasks"],
  queryFn: async () => {
    const fresh = await page("");
    writeStored(STORED, { ...fresh, tasks: fresh.tasks.slice(0, MOST_STORED) });
    return fresh;
  },
  placeholderData: () => readStored(STORED, TaskPage) ?? undefined,
});

export const archivedQuery = queryOptions({ queryKey: ["tasks-archived"], queryFn: () => page("&archived=true") });

export const searchQuery = (words: string) =>
  queryOptions({ queryKey: ["tasks-found", words], queryFn: () => page(`&query=${encodeURIComponent(words)}`) });

export const taskQuery = (id: string) =>
  queryOptions({ queryKey: ["task", id], queryFn: () => ask("GET", `/tasks/${encodeURIComponent(id)}`, TaskSummary) });

/** Takes a task as it is now into all that is shown of it. */
export function takeTask(queries: QueryClient, task: TaskSummary): void {
  const known = queries.getQueryData<TaskSummary>(["task", task.id]);
  if (known && known.updatedAt > task.updatedAt) return;
  queries.setQueryData(["task", task.id], task);
  if (task.kind !== "work") return;
  queries.setQueryData<TaskPage>(["tasks"], (old) => {
    if (!old) return old;
    const others = old.tasks.filter((one) => one.id !== task.id);
    const tasks = task.archived ? others : inOrder([...others, task]);
    writeStored(STORED, { ...old, tasks: tasks.slice(0, MOST_STORED) });
    return { ...old, tasks };
  });
  void queries.invalidateQueries({ queryKey: ["tasks-archived"], refetchType: "active" });
}

/** Keeps all of it up to date from the stream, until the returned function is called. After a lost connection everything is asked for again. */
export function followTasks(queries: QueryClient): () => void {
  let lost = false;
  const stop = live().listen((message) => {
    if (message.type === "changed") {
      const task = TaskSummary.safeParse(message.task);
      if (task.success) takeTask(queries, task.data);
    }
    if (message.type === "refused" && message.task === null && message.status === 401) void queries.invalidateQueries({ queryKey: ["me"] });
    if (message.type !== "connection") return;
    if (lost && message.state === "open") void queries.invalidateQueries();
    lost = message.state === "lost";
  });
  live().say({ type: "watch-list" });
  return stop;
}
