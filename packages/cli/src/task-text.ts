import type { DiffStats, TaskSummary } from "@farhand/protocol";
import { safeLine } from "./safe-text.ts";
import type { Screen, Style } from "./screen.ts";
import { ago, statsInWords } from "./words.ts";

const STYLES: Record<TaskSummary["status"], Style> = {
  running: "cyan",
  waiting: "cyan",
  "needs-you": "yellow",
  ready: "green",
  answered: "green",
  published: "green",
  open: "green",
  merged: "green",
  closed: "dim",
  failed: "red",
  cancelled: "yellow",
};

/** The change of the first attempt that has one. */
export function statsOf(task: TaskSummary): DiffStats | null {
  for (const attempt of task.attempts) {
    if ((attempt.state === "succeeded" || attempt.state === "failed") && attempt.stats) return attempt.stats;
  }
  return null;
}

/** A task in a list. */
export function taskText(screen: Screen, task: TaskSummary, now: number): string {
  const stats = statsOf(task);
  const status = screen.style(STYLES[task.status], `[${task.status.toUpperCase()}]`);
  return [
    task.id,
    `  ${status} ${safeLine(task.title)}${task.archived ? screen.style("dim", " (archived)") : ""}`,
    screen.style("dim", `  ${safeLine(task.environment.name)}  •  ${ago(task.updatedAt, now)}`),
    ...(stats ? [screen.style("dim", `  ${statsInWords(stats)}`)] : []),
    "",
  ].join("\n");
}

/** A task alone, with all that is known of it. */
export function taskDetails(screen: Screen, task: TaskSummary, now: number): string {
  const rows: [string, string][] = [
    ["status", task.statusText],
    ["environment", `${task.environment.name} (version ${task.environment.version})`],
    ["model", task.model],
    ["from", `${task.ref ?? "the default branch"}${task.baseCommit ? ` at ${task.baseCommit.slice(0, 12)}` : ""}`],
    ["by", `${task.createdBy.name}, ${ago(task.createdAt, now)}`],
  ];
  const { publication } = task;
  if (publication)
    rows.push([
      "branch",
      `${publication.branch}${publication.state === "published" ? ` at ${publication.commit.slice(0, 12)}` : ` (${publication.state})`}`,
    ]);
  return `${taskText(screen, task, now)}${rows.map(([name, value]) => `  ${screen.style("dim", name.padEnd(12))}${safeLine(value)}\n`).join("")}`;
}
