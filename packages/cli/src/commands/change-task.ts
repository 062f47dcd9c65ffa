import type { Client, TaskSummary } from "@farhand/protocol";
import { answer, client, type Invocation } from "../invocation.ts";
import { safeLine } from "../safe-text.ts";
import { findTask } from "../task-id.ts";

type Change = "stop" | "cancel" | "archive" | "unarchive";

const WORDS: Record<Change, (task: TaskSummary) => string> = {
  stop: (task) => (task.status === "running" || task.status === "waiting" ? "is being stopped" : `has ended: ${task.statusText}`),
  cancel: (task) => {
    if (task.status === "running" || task.status === "waiting") return "is being cancelled";
    return task.status === "cancelled" ? "is cancelled" : `had ended, and keeps its result: ${task.statusText}`;
  },
  archive: () => "is archived",
  unarchive: () => "is no longer archived",
};

/** Stops, cancels, archives or brings back each of the tasks. */
export async function changeTasks(invocation: Invocation, change: Change, options: { tasks: string[] }): Promise<number> {
  const farhand = await client(invocation);
  const ids: string[] = [];
  for (const text of options.tasks) ids.push((await findTask(farhand, text)).id); // all are found before any is changed
  const changed: TaskSummary[] = [];
  for (const id of ids) changed.push(await act(farhand, change, id));
  await answer(invocation, changed.length === 1 ? changed[0] : { tasks: changed }, () =>
    changed.map((task) => `${task.id} ${safeLine(WORDS[change](task))}\n`).join(""),
  );
  return 0;
}

function act(farhand: Client, change: Change, id: string): Promise<TaskSummary> {
  switch (change) {
    case "stop":
      return farhand.stop(id);
    case "cancel":
      return farhand.cancel(id);
    case "archive":
      return farhand.archive(id);
    case "unarchive":
      return farhand.unarchive(id);
    default:
      return change satisfies never;
  }
}
