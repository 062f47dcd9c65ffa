import { type TaskSummary, TaskView, taskView } from "@farhand/protocol";

export const FILTERS = TaskView.options;
export type Filter = TaskView;
export const FILTER_NAMES: Record<Filter, string> = { active: "Active", review: "To review", done: "Done", archived: "Archived" };

/** Where a task stands in the list. What is to be reviewed is active as well. */
export function belongs(task: TaskSummary, filter: Filter): boolean {
  const view = taskView(task);
  return view === filter || (view === "review" && filter === "active");
}

/** What needs somebody comes first, then the newest. */
export function inOrder(tasks: readonly TaskSummary[]): TaskSummary[] {
  const rank = (task: TaskSummary) => (task.status === "needs-you" ? 0 : 1);
  return [...tasks].sort((a, b) => rank(a) - rank(b) || (a.createdAt < b.createdAt ? 1 : a.createdAt > b.createdAt ? -1 : 0));
}

/** The same words that the service looks for: title, environment, person. */
export function matches(task: TaskSummary, words: string): boolean {
  const text = `${task.title} ${task.environment.name} ${task.createdBy.name}`.toLowerCase();
  return text.includes(words.trim().toLowerCase());
}

/** What a list is asked for; "" = any. Words look through everything that is not archived. */
export type Wanted = { filter: Filter; words: string; repository: string; person: string };
export const EVERYTHING: Wanted = { filter: "active", words: "", repository: "", person: "" };

/** Whether a task belongs into that list; `repository` is that of its environment, null where it is not known. */
export function fits(task: TaskSummary, repository: string | null, wanted: Wanted): boolean {
  if (wanted.repository !== "" && wanted.repository !== repository) return false;
  if (wanted.person !== "" && wanted.person !== task.createdBy.id) return false;
  return wanted.words === "" ? belongs(task, wanted.filter) : !task.archived && matches(task, wanted.words);
}
