import { z } from "zod";
import { LimitReached, limitInWords, TurnLimits } from "./limits.ts";
import { Effort } from "./model.ts";

/** `code` changes files; `ask` answers, and nothing that it changed is kept. */
export const Mode = z.enum(["code", "ask"]);
export type Mode = z.infer<typeof Mode>;

/** What a run is doing, in this order. */
export const Phase = z.enum(["checkout", "setup", "sandbox", "agent", "collect"]);
export type Phase = z.infer<typeof Phase>;

/** What is run to prepare a sandbox: the check of the toolchains, and the scripts of the environment. */
export const SetupScriptName = z.enum(["toolchains", "setup", "maintenance"]);
export type SetupScriptName = z.infer<typeof SetupScriptName>;

/** Why an attempt failed: a closed list, each with what a person needs to go on. */
export const FailureReason = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("checkout-failed"), detail: z.string() }),
  /** What the repository says of its environment is wrong: each fault with its line. */
  z.object({ kind: z.literal("recipe-invalid"), file: z.string(), faults: z.array(z.string()) }),
  /** `how`: the script's exit in words; `tail`: the end of what it printed. */
  z.object({ kind: z.literal("setup-failed"), script: SetupScriptName, how: z.string(), tail: z.string() }),
  z.object({ kind: z.literal("sandbox-unavailable"), detail: z.string() }),
  z.object({ kind: z.literal("sandbox-lost"), detail: z.string() }),
  z.object({ kind: z.literal("model-failed"), detail: z.string() }),
  z.object({ kind: z.literal("gave-up"), detail: z.string() }),
  /** The agent went round in circles. */
  z.object({ kind: z.literal("stuck"), detail: z.string() }),
  LimitReached.extend({ kind: z.literal("budget-reached") }),
  /** Of old: now `budget-reached`. */
  z.object({ kind: z.literal("step-limit"), steps: z.int() }),
  z.object({ kind: z.literal("time-limit"), phase: Phase, limitMs: z.int() }),
  z.object({ kind: z.literal("patch-too-large"), bytes: z.int(), limitBytes: z.int() }),
  z.object({ kind: z.literal("worker-lost"), runs: z.int() }),
  z.object({ kind: z.literal("internal-error"), detail: z.string() }),
]);
export type FailureReason = z.infer<typeof FailureReason>;

/** The failure, without a final stop: one line, and for `setup-failed` the end of the log after it. */
export function failureInWords(reason: FailureReason): string {
  switch (reason.kind) {
    case "checkout-failed":
      return `checkout failed: ${reason.detail}`;
    case "recipe-invalid":
      return `${reason.file} is wrong: ${reason.faults.join("; ")}`;
    case "setup-failed":
      return `${reason.script} failed: ${reason.how}${reason.tail ? `\n${reason.tail}` : ""}`;
    case "sandbox-unavailable":
      return `no sandbox could be made: ${reason.detail}`;
    case "sandbox-lost":
      return `the sandbox ended: ${reason.detail}`;
    case "model-failed":
      return `the model failed: ${reason.detail}`;
    case "gave-up":
      return `stopped by the agent: ${reason.detail}`;
    case "stuck":
      return `stopped, since it was stuck: ${reason.detail}`;
    case "budget-reached":
      return `reached its ${limitInWords(reason)}`;
    case "step-limit":
      return `reached its limit of ${reason.steps} steps`;
    case "time-limit":
      return `${reason.phase} took longer than its limit of ${Math.round(reason.limitMs / 1000)} s`;
    case "patch-too-large":
      return `the change has ${reason.bytes} bytes, more than the limit of ${reason.limitBytes}`;
    case "worker-lost":
      return `its worker was lost ${reason.runs} times`;
    case "internal-error":
      return `internal error: ${reason.detail}`;
    default:
      return reason satisfies never;
  }
}

/** Size of a change, counted by git: binary files count as files only. */
export const DiffStats = z.object({ files: z.int(), added: z.int(), removed: z.int() });
export type DiffStats = z.infer<typeof DiffStats>;

export const AttemptState = z.discriminatedUnion("state", [
  z.object({ state: z.literal("queued") }),
  z.object({ state: z.literal("running"), run: z.int(), phase: Phase.nullable() }),
  /** No worker holds it until somebody answers. `stats`: of what it has changed until now. */
  z.object({ state: z.literal("awaiting-input"), question: z.string(), options: z.array(z.string()), stats: DiffStats }),
  /** `stopped`: by somebody, before the agent was done; what it had done until then is the result. */
  z.object({ state: z.literal("succeeded"), stats: DiffStats, stopped: z.boolean().optional() }),
  z.object({ state: z.literal("failed"), reason: FailureReason, stats: DiffStats.nullable() }),
  z.object({ state: z.literal("cancelled") }),
]);
export type AttemptState = z.infer<typeof AttemptState>;

/** Whether an attempt has come to its end. */
export function isFinal({ state }: AttemptState): boolean {
  return state === "succeeded" || state === "failed" || state === "cancelled";
}

export const PullRequestRef = z.object({ url: z.string(), number: z.int(), state: z.enum(["open", "merged", "closed"]) });

/** What is published: which attempt of which turn, and where to. */
const published = { branch: z.string(), turn: z.int(), attempt: z.int() };

export const PublicationState = z.discriminatedUnion("state", [
  z.object({ state: z.literal("asked"), ...published }),
  z.object({ state: z.literal("publishing"), ...published }),
  /** `pullRequest` is null where the repository's host has none: branch and commit are the record. */
  z.object({ state: z.literal("published"), ...published, commit: z.string(), pullRequest: PullRequestRef.nullable() }),
  z.object({ state: z.literal("failed"), ...published, detail: z.string() }),
]);
export type PublicationState = z.infer<typeof PublicationState>;

/** Why a queued attempt does not run yet. */
export const WaitingFor = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("worker") }),
  z.object({ kind: z.literal("no-worker") }),
  z.object({ kind: z.literal("user-limit"), limit: z.int() }),
  z.object({ kind: z.literal("global-limit"), limit: z.int() }),
]);
export type WaitingFor = z.infer<typeof WaitingFor>;

export const TaskStatus = z.enum([
  "running",
  "waiting",
  "needs-you",
  "ready",
  "answered",
  "published",
  "open",
  "merged",
  "closed",
  "failed",
  "cancelled",
]);
export type TaskStatus = z.infer<typeof TaskStatus>;

/**
 * The one place where the state of a task is decided: by the attempts of its last turn, the turn that its change is of, and its publication. Every
 * surface shows this. `answered`: done, with nothing to review.
 */
export function taskStatus(attempts: readonly AttemptState[], anyPublication: PublicationState | null, changeTurn: number): TaskStatus {
  const publication = publicationOf(anyPublication, changeTurn);
  if (attempts.some((attempt) => attempt.state === "running")) return "running";
  if (attempts.some((attempt) => attempt.state === "queued")) return "waiting";
  if (attempts.some((attempt) => attempt.state === "awaiting-input")) return "needs-you";
  if (publication?.state === "failed") return "needs-you";
  if (publication?.state === "published") return publication.pullRequest?.state ?? "published";
  if (attempts.some((attempt) => attempt.state === "succeeded" && attempt.stats.files > 0)) return "ready";
  if (attempts.some((attempt) => attempt.state === "succeeded")) return "answered";
  return attempts.some((attempt) => attempt.state === "failed") ? "failed" : "cancelled";
}

/** The publication of the change that a task stands at: that of an earlier change says nothing about it. */
function publicationOf(publication: PublicationState | null, changeTurn: number): PublicationState | null {
  return publication !== null && publication.turn >= changeTurn ? publication : null;
}

/** The parts of the list: at work; waiting for a person; finished; put away. */
export const TaskView = z.enum(["active", "review", "done", "archived"]);
export type TaskView = z.infer<typeof TaskView>;

/** A part of the list, or what is at work or waits for a person. */
export const TaskPart = z.enum([...TaskView.options, "open"]);
export type TaskPart = z.infer<typeof TaskPart>;

/** Which part of the list a task stands in. */
export function taskView({ status, archived }: Pick<TaskSummary, "status" | "archived">): TaskView {
  if (archived) return "archived";
  if (status === "running" || status === "waiting") return "active";
  return status === "needs-you" || status === "ready" ? "review" : "done";
}

/** The status in words, with what it waits for or what went wrong. */
export function statusInWords(
  task: Pick<TaskSummary, "kind" | "mode" | "status" | "waitingFor" | "attempts" | "publication" | "turn" | "changeTurn" | "chosen">,
): string {
  const publication = publicationOf(task.publication, task.changeTurn);
  switch (task.status) {
    case "running": {
      const running = task.attempts.find((attempt) => attempt.state === "running");
      const phase = running?.state === "running" && running.phase ? `running: ${running.phase}` : "running";
      const ended = task.attempts.filter((attempt) => attempt.state !== "running" && attempt.state !== "queued").length;
      return task.attempts.length > 1 ? `${phase} (${ended} of ${task.attempts.length} done)` : phase;
    }
    case "waiting":
      return `waiting: ${waitingInWords(task.waitingFor)}`;
    case "needs-you": {
      const asking = task.attempts.find((attempt) => attempt.state === "awaiting-input");
      if (asking?.state === "awaiting-input") return `asks: ${asking.question.split("\n")[0]}`;
      return publication?.state === "failed" ? `publishing failed: ${publication.detail}` : "needs you";
    }
    case "failed": {
      const failed = task.attempts.find((attempt) => attempt.state === "failed");
      return failed?.state === "failed" ? (failureInWords(failed.reason).split("\n")[0] ?? "") : "failed";
    }
    case "ready":
      return publication ? "publishing" : readyInWords(task);
    case "answered":
      if (task.kind === "setup-test") return "setup works";
      if (task.mode === "ask") return wasStopped(task) ? "stopped" : "answered";
      return `${wasStopped(task) ? "stopped" : "done"}: nothing changed`;
    case "published":
      return publication ? `published to ${publication.branch}` : "published";
    default:
      return task.status;
  }
}

function wasStopped({ attempts }: Pick<TaskSummary, "attempts">): boolean {
  return attempts.every((attempt) => attempt.state !== "succeeded" || attempt.stopped);
}

function readyInWords({ attempts, chosen, turn, changeTurn }: Pick<TaskSummary, "attempts" | "chosen" | "turn" | "changeTurn">): string {
  if (turn > changeTurn) return "answered; the change is ready to review";
  const done = attempts.filter((attempt) => attempt.state === "succeeded");
  if (attempts.length > 1 && chosen === null) return done.length > 1 ? `${done.length} attempts to choose from` : "ready to review";
  const result = attempts.find((attempt) => attempt.number === chosen) ?? done[0];
  return result?.state === "succeeded" && result.stopped ? "stopped: ready to review" : "ready to review";
}

function waitingInWords(reason: WaitingFor | null): string {
  switch (reason?.kind) {
    case "user-limit":
      return `your limit of ${reason.limit} runs`;
    case "global-limit":
      return `this server's limit of ${reason.limit} runs`;
    case "no-worker":
      return "no worker takes tasks at the moment";
    default:
      return "a worker";
  }
}

const Timestamp = z.iso.datetime();

export const Attempt = z.intersection(z.object({ id: z.string(), number: z.int() }), AttemptState);
export type Attempt = z.infer<typeof Attempt>;

/** `setup-test`: it only runs the setup of its environment, and is in no list. */
export const TaskKind = z.enum(["work", "setup-test"]);
export type TaskKind = z.infer<typeof TaskKind>;

export const TaskSummary = z.object({
  id: z.string(),
  kind: TaskKind,
  title: z.string(),
  status: TaskStatus,
  statusText: z.string(),
  waitingFor: WaitingFor.nullable(),
  mode: Mode,
  model: z.string(),
  /** How much the model is to think; null = as its provider sees fit. */
  effort: Effort.nullable(),
  /** What the request of the turn allows each attempt; what is absent is as usual. */
  limits: TurnLimits,
  environment: z.object({ id: z.string(), name: z.string(), version: z.int() }),
  /** The branch, tag or commit asked for; null = the environment's branch, or else the repository's default branch. */
  ref: z.string().nullable(),
  /** The commit that the work stands on; null until a run has resolved it. */
  baseCommit: z.string().nullable(),
  /** The number of the last turn; mode, model, effort, limits and attempts are of that turn. */
  turn: z.int(),
  /** The last turn that could change files: those after it only answered, and keep its change. 1 where none could. */
  changeTurn: z.int(),
  attempts: z.array(Attempt),
  /** The attempt of the last turn that somebody has chosen. */
  chosen: z.int().nullable(),
  publication: PublicationState.nullable(),
  createdBy: z.object({ id: z.string(), name: z.string() }),
  createdAt: Timestamp,
  updatedAt: Timestamp,
  archived: z.boolean(),
});
export type TaskSummary = z.infer<typeof TaskSummary>;
