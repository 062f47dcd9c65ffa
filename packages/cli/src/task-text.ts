import { type Attempt, type DiffStats, failureInWords, type TaskSummary } from "@farhand/protocol";
import { safeLine } from "./safe-text.ts";
import type { Screen, Style } from "./screen.ts";
import { ago, isGood, statsInWords } from "./words.ts";

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
    ...(task.attempts.length > 1 ? task.attempts.map(attemptRow(task)) : []),
  ];
  const { publication } = task;
  if (publication)
    rows.push([
      "branch",
      `${publication.branch}${publication.state === "published" ? ` at ${publication.commit.slice(0, 12)}` : ` (${publication.state})`}`,
    ]);
  return `${taskText(screen, task, now)}${rows.map(([name, value]) => `  ${screen.style("dim", name.padEnd(12))}${safeLine(value)}\n`).join("")}${isGood(task.status) ? "" : wayOut(screen, task)}`;
}

function attemptRow({ chosen }: TaskSummary) {
  return (attempt: Attempt): [string, string] => [
    `attempt ${attempt.number}`,
    `${attemptInWords(attempt)}${attempt.number === chosen ? " (chosen)" : ""}`,
  ];
}

function attemptInWords(attempt: Attempt): string {
  switch (attempt.state) {
    case "succeeded":
      return `${attempt.stopped ? "stopped" : "done"}: ${statsInWords(attempt.stats)}`;
    case "failed":
      return failureInWords(attempt.reason).split("\n")[0] ?? "failed";
    case "awaiting-input":
      return `asks: ${attempt.question}`;
    case "running":
      return attempt.phase ? `running: ${attempt.phase}` : "running";
    default:
      return attempt.state;
  }
}

const LIMIT_OPTIONS = { steps: "--max-steps", tokens: "--max-tokens", money: "--max-cost", time: "--max-minutes" } as const;

/** What to do about a task that waits for its user or failed; else nothing. */
export function wayOut(screen: Screen, task: TaskSummary): string {
  const lines = stepsOut(task).map((line) => `  ${safeLine(line)}\n`);
  return screen.style("dim", lines.join(""));
}

function stepsOut(task: TaskSummary): string[] {
  const name = task.environment.name;
  const asking = task.attempts.find((attempt) => attempt.state === "awaiting-input");
  if (asking) return [`farhand reply ${task.id}${task.attempts.length > 1 ? ` --attempt ${asking.number}` : ""} "..."   answers it`];
  const failed = task.attempts.find((attempt) => attempt.state === "failed");
  if (task.status !== "failed" || failed?.state !== "failed") return [];
  const retry = task.kind === "setup-test" ? [] : [`farhand retry ${task.id}   tries again`];
  const mended =
    task.kind === "setup-test"
      ? []
      : [`farhand env test-setup ${name}   tries it alone`, `farhand retry ${task.id}   tries again, by the environment as it is then`];
  switch (failed.reason.kind) {
    case "setup-failed":
      return [
        `farhand env show ${name}   where its setup comes from, and what network it has`,
        failed.reason.script === "toolchains"
          ? `farhand env edit ${name} --toolchain NAME=VERSION   wants another version; --drop-toolchain NAME none`
          : `farhand env edit ${name} --setup FILE   takes another script; --no-setup --no-auto-setup runs none`,
        ...mended,
      ];
    case "recipe-invalid":
      return [`mend ${failed.reason.file} on the environment's branch, or: farhand env edit ${name} --no-auto-setup`, ...mended];
    case "budget-reached":
      return [`farhand reply ${task.id} ${LIMIT_OPTIONS[failed.reason.limit]} N "Go on"   goes on with a higher limit`];
    default:
      return retry;
  }
}
