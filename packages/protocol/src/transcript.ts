import type { z } from "zod";
import type { EventBody, Exit, TaskEvent, Usage } from "./event.ts";
import { retryInWords } from "./model.ts";
import { type NetworkRequested, refusalInWords } from "./network.ts";
import { hasSay, type RunRecipe, recipeInWords } from "./recipe.ts";
import {
  type AttemptState,
  type DiffStats,
  failureInWords,
  type Mode,
  type Phase,
  type PublicationState,
  type TaskStatus,
  taskStatus,
} from "./task.ts";
import { type PlanStep, subjectOf, type ToolSubject } from "./tool-subject.ts";

/** A script of the environment is shown like a command of the agent; no call of an engine has this name, since a run has set up before it. */
const SETUP = "setup";

/** What stands for all that was removed from an archived task. */
export const HISTORY_REMOVED = "commands and what they printed were removed: the task was archived long ago";

type Json = z.core.util.JSONType;

/** `seq` is that of the event which began the item: a stable key within its attempt. */
type ItemBase = {
  seq: number;
  at: string;
  /** The run it belongs to; null for what people did. */
  run: number | null;
  /** The later run that did this again or went on without it; null = it counts. Shown greyed out. */
  supersededBy: number | null;
};

export type OutputChunk = {
  stream: "stdout" | "stderr";
  text: string;
  /** Bytes left out in front of this chunk; they are in the stored output only. */
  dropped: number;
};

/** A call is cut off when its run ended before it did. */
export type CallState = "running" | "done" | "cut-off";

type CallBase = ItemBase & {
  call: string;
  state: CallState;
  output: OutputChunk[];
  /** The sum over the chunks. */
  dropped: number;
  isError: boolean;
  /** What the model was told; null until done. */
  result: string | null;
  exit: Exit | null;
  durationMs: number | null;
  /** The whole output, where it is stored. */
  stored: { blob: string; bytes: number; truncated: boolean } | null;
};

export type MessageItem = ItemBase & { kind: "message"; text: string };
export type CommandItem = CallBase & { kind: "command"; command: string };
export type ToolItem = CallBase & { kind: "tool"; tool: string; input: Json; subject: ToolSubject };
/** What somebody said while the agent worked. */
export type ReplyItem = ItemBase & { kind: "reply"; reply: string; by: string; text: string; state: "waiting" | "given" | "missed" };
export type NoticeItem = ItemBase & { kind: "notice"; tone: "info" | "warning" | "error"; text: string };

/** What a surface shows for related events. Text in it is hostile data. */
export type Item = MessageItem | CommandItem | ToolItem | ReplyItem | NoticeItem;

export type PhaseView = {
  phase: Phase;
  run: number;
  startedAt: string;
  limitMs: number;
  state: "running" | "done" | "cut-off";
  durationMs: number | null;
  note: string | null;
  /** The latest word on how far it is; null = none yet. */
  progress: string | null;
};

/** One check of the environment: a command that is run before the agent's work counts as finished. `exit`: null while it runs, or where it was cut off. */
export type CheckView = { command: string; call: string; step: number; exit: Exit | null };

/** Whether it ended well; null = it has not ended. */
export function hasPassed({ exit }: CheckView): boolean | null {
  return exit && exit.kind === "exited" && exit.code === 0;
}

/** How the checks ended, in a line; null = none were run. */
export function checksInWords(checks: readonly CheckView[]): string | null {
  const failed = checks.filter((check) => hasPassed(check) !== true);
  const [first] = failed;
  if (checks.length === 0) return null;
  if (!first) return checks.length === 1 ? "the check passed" : `all ${checks.length} checks passed`;
  const how = first.exit ? exitInWords(first.exit) : "not ended";
  const more = failed.length > 1 ? ` and ${failed.length - 1} more` : "";
  return `${failed.length} of ${checks.length} checks did not pass: ${first.command} (${how})${more}`;
}

/** Equal requests of one run to the network, counted. */
export type NetworkRow = Omit<NetworkRequested, "type" | "bytes"> & {
  /** `seq` of the first of them. */
  seq: number;
  run: number;
  at: string;
  bytes: number;
};

export type AttemptView = {
  number: number;
  state: AttemptState;
  /** The latest run; 0 = none yet. */
  run: number;
  worker: string | null;
  phases: PhaseView[];
  items: Item[];
  /** In the order of the first of each kind; of all runs. */
  network: NetworkRow[];
  /** Model requests of all runs, and what they used together. */
  steps: number;
  usage: Usage;
  /** The agent's own, as it was last shown; null = it has none. */
  plan: PlanStep[] | null;
  stats: DiffStats | null;
  /** The whole change in words, where the model found some. */
  description: { title: string; text: string } | null;
  /** The environment's checks as they ended last, or run at this moment; empty = none were run. */
  checks: CheckView[];
  /** Blob of the change, where there is one. */
  patch: string | null;
  base: { commit: string; ref: string } | null;
  /** By what the latest run works. */
  recipe: RunRecipe | null;
  /** Why the agent stopped, in its own words. */
  stopped: { reason: string; detail: string } | null;
  /** Where calls that still run stand in `items`, by their id. */
  openCalls: Map<string, number>;
  /** Whether it is settled what of earlier runs counts in the latest. */
  resumed: boolean;
};

export type TurnView = {
  turn: number;
  prompt: string;
  /** How many came with the prompt; they are numbered from 1. */
  images: number;
  by: string;
  at: string;
  model: string;
  /** The attempt of the turn before that this one goes on from. */
  follows: number | null;
  attempts: AttemptView[];
  /** The attempt that somebody has chosen. */
  chosen: number | null;
};

/** What every surface shows of a task; made from its events alone. */
export type TranscriptView = {
  title: string;
  mode: Mode;
  model: string;
  environment: { name: string; version: number } | null;
  createdBy: string;
  createdAt: string;
  turns: TurnView[];
  /** Those of the last turn. */
  attempts: AttemptView[];
  publication: PublicationState | null;
  archived: boolean;
  /** The last event taken in; 0 = none. Changes with every change of the view. */
  lastSeq: number;
};

export function emptyTranscript(): TranscriptView {
  return {
    title: "",
    mode: "code",
    model: "",
    environment: null,
    createdBy: "",
    createdAt: "",
    turns: [],
    attempts: [],
    publication: null,
    archived: false,
    lastSeq: 0,
  };
}

/**
 * Takes the next event into the view and returns the view, which is changed in place: 50,000 events cost no copying. An item or phase that changes is
 * replaced by a new object, so its identity tells a surface what to draw again. An event whose `seq` was taken in already is ignored.
 */
export function reduce(view: TranscriptView, event: TaskEvent): TranscriptView {
  if (event.seq <= view.lastSeq) return view;
  view.lastSeq = event.seq;
  if (event.attempt === null) takeTaskEvent(view, event);
  else takeAttemptEvent(attemptOf(attemptsOf(view, event.turn ?? 1), event.attempt), event, view);
  return view;
}

/** The same status that the service gives, for whoever has only the events. */
export function statusOf(view: TranscriptView): TaskStatus {
  const attempts = view.attempts.map((attempt) => attempt.state);
  return taskStatus(attempts.length > 0 ? attempts : [{ state: "queued" }], view.publication, view.turns.at(-1)?.turn ?? 1, view.mode);
}

/** An exit in words, as `exit 1`. */
export function exitInWords(exit: Exit): string {
  switch (exit.kind) {
    case "exited":
      return `exit ${exit.code}`;
    case "signalled":
      return `ended by ${exit.signal}`;
    case "timed-out":
      return "timed out";
    case "cancelled":
      return "cancelled";
    default:
      return exit satisfies never;
  }
}

type Resumed = Extract<EventBody, { type: "run.resumed" }>;

/** How a later run went on, as `resumed at step 3 (run 2)`. */
export function resumedInWords({ fromStep, keptUntil, lost }: Resumed, run: number): string {
  const why = lost === null ? "" : `: ${lost}`;
  return keptUntil === 0 ? `started again (run ${run})${why}` : `resumed at step ${fromStep} (run ${run})${why}`;
}

function takeTaskEvent(view: TranscriptView, event: TaskEvent): void {
  const body = event.body;
  switch (body.type) {
    case "task.created":
      view.title = body.title;
      view.mode = body.mode;
      view.model = body.model;
      view.environment = { name: body.environment, version: body.environmentVersion };
      view.createdBy = body.by;
      view.createdAt = event.at;
      for (let number = 1; number <= body.attempts; number++) attemptOf(view.attempts, number);
      return;
    case "turn.started":
      startTurn(view, event, body);
      return;
    case "turn.chosen":
      view.turns = view.turns.map((turn) => (turn.turn === body.turn ? { ...turn, chosen: body.attempt } : turn));
      return;
    case "reply.sent":
      for (const attempt of attemptsOf(view, body.turn)) {
        if (isFinal(attempt.state) || (body.attempt !== null && body.attempt !== attempt.number)) continue;
        attempt.items.push({ kind: "reply", ...itemBase(event), reply: body.reply, by: body.by, text: body.text, state: "waiting" });
      }
      return;
    case "cancel.requested":
    case "stop.requested":
      for (const attempt of view.attempts)
        if (!isFinal(attempt.state))
          addNotice(attempt, event, "info", `${body.type === "stop.requested" ? "stopping" : "cancelling"}, asked by ${body.by}`);
      return;
    case "task.titled":
      view.title = body.title;
      return;
    case "task.archived":
    case "task.unarchived":
      view.archived = body.type === "task.archived";
      return;
    default:
      takePublication(view, body);
  }
}

/** Turns are numbered one after another. The first turn's attempts are known before it starts. */
function startTurn(view: TranscriptView, event: TaskEvent, body: Extract<EventBody, { type: "turn.started" }>): void {
  const { turn, prompt, by } = body;
  const attempts = turn === 1 ? view.attempts : [];
  for (let number = 1; number <= (body.attempts ?? 1); number++) attemptOf(attempts, number);
  view.attempts = attempts;
  view.model = body.model ?? view.model;
  const { images = 0, follows = null } = body;
  view.turns.push({ turn, prompt, images, by, at: event.at, model: view.model, follows, attempts, chosen: null });
}

function takePublication(view: TranscriptView, body: EventBody): void {
  const { turn = 1, attempt = 1 } = view.publication ?? {};
  switch (body.type) {
    case "publication.asked":
      view.publication = { state: "asked", branch: body.branch, turn: body.turn ?? 1, attempt: body.attempt ?? 1 };
      return;
    case "publication.started":
      view.publication = { state: "publishing", branch: body.branch, turn, attempt };
      return;
    case "publication.published":
      view.publication = { state: "published", branch: body.branch, turn, attempt, commit: body.commit, pullRequest: null };
      return;
    case "publication.failed":
      view.publication = { state: "failed", branch: body.branch, turn, attempt, detail: body.detail };
  }
}

function takeAttemptEvent(attempt: AttemptView, event: TaskEvent, view: TranscriptView): void {
  const body = event.body;
  switch (body.type) {
    case "run.started":
      startRun(attempt, event, body.worker);
      return;
    case "run.interrupted":
      cutOff(attempt);
      attempt.state = { state: "queued" };
      addNotice(attempt, event, "warning", `run ${event.run ?? attempt.run} was cut off: ${body.detail}`);
      return;
    case "run.resumed":
      resume(attempt, event, body);
      return;
    case "checkpoint.failed":
      addNotice(attempt, event, "warning", `the working tree could not be saved: ${body.detail}`);
      return;
    case "phase.started":
      attempt.state = { state: "running", run: event.run ?? attempt.run, phase: body.phase };
      attempt.phases.push({
        phase: body.phase,
        run: event.run ?? attempt.run,
        startedAt: event.at,
        limitMs: body.limitMs,
        state: "running",
        durationMs: null,
        note: null,
        progress: null,
      });
      return;
    case "phase.progress":
      changePhase(attempt, body.phase, { progress: body.text });
      return;
    case "phase.finished":
      changePhase(attempt, body.phase, { state: "done", durationMs: body.durationMs, note: body.note });
      return;
    case "setup.started":
      attempt.openCalls.set(SETUP, attempt.items.push(setupItem(event, body.text)) - 1);
      return;
    case "setup.output":
      changeCall(attempt, SETUP, (call) => addOutput(call, body));
      return;
    case "setup.finished":
      changeCall(attempt, SETUP, () => ({ state: "done", exit: body.exit, durationMs: body.durationMs, stored: body.output }));
      attempt.openCalls.delete(SETUP);
      return;
    case "network.request":
      takeRequest(attempt, event, body);
      return;
    case "recipe.resolved":
      attempt.recipe = body.recipe;
      if (hasSay(body.recipe)) addNotice(attempt, event, "info", recipeInWords(body.recipe));
      for (const notice of body.recipe.notices) addNotice(attempt, event, "warning", notice);
      return;
    case "base.resolved":
      attempt.base = { commit: body.commit, ref: body.ref };
      return;
    case "step.started":
      if (!attempt.resumed) supersede(attempt, attempt.run, 0); // a log from before runs were resumed
      attempt.resumed = true;
      attempt.steps = body.step;
      return;
    case "model.retried":
      addNotice(attempt, event, "warning", retryInWords(body));
      return;
    case "step.answered":
      attempt.usage = addUsage(attempt.usage, body.usage);
      return;
    case "message":
      attempt.items.push({ kind: "message", ...itemBase(event), text: body.text });
      return;
    case "tool.started":
      attempt.openCalls.set(body.call, attempt.items.push(newCall(attempt, event, body)) - 1);
      return;
    case "tool.output":
      changeCall(attempt, body.call, (call) => addOutput(call, body));
      return;
    case "tool.finished":
      changeCall(attempt, body.call, () => ({
        state: "done",
        isError: body.isError,
        result: body.result,
        exit: body.exit,
        durationMs: body.durationMs,
        stored: body.output,
      }));
      attempt.openCalls.delete(body.call);
      if (attempt.checks.some(({ call }) => call === body.call))
        attempt.checks = attempt.checks.map((check) => (check.call === body.call ? { ...check, exit: body.exit } : check));
      return;
    case "context.compacted":
      addNotice(attempt, event, "info", compactedInWords(body));
      return;
    case "agent.told":
      addNotice(attempt, event, body.about === "instructions" ? "info" : "warning", toldInWords(body));
      return;
    case "reply.given":
    case "reply.missed":
      takeReply(attempt, body.reply, body.type === "reply.given" ? "given" : "missed");
      return;
    case "event.removed":
      if (!attempt.items.some((item) => item.kind === "notice" && item.text === HISTORY_REMOVED))
        addNotice(attempt, event, "info", HISTORY_REMOVED);
      return;
    case "engine.stopped":
      attempt.stopped = { reason: body.reason, detail: body.detail };
      return;
    case "attempt.awaiting":
      attempt.state = { state: "awaiting-input", question: body.question, options: body.options, stats: body.stats };
      attempt.stats = body.stats;
      attempt.patch = body.patch;
      return;
    case "question.answered":
      attempt.state = { state: "queued" };
      attempt.patch = null;
      attempt.stats = null;
      return;
    case "change.described":
      attempt.description = { title: body.title, text: body.text };
      attempt.usage = addUsage(attempt.usage, body.usage);
      return;
    case "attempt.succeeded":
      settle(attempt, { state: "succeeded", stats: body.stats, ...(body.stopped && { stopped: true }) }, body.stats, body.patch);
      return;
    case "attempt.failed":
      settle(attempt, { state: "failed", reason: body.reason, stats: body.stats }, body.stats, body.patch);
      addNotice(attempt, event, "error", failureInWords(body.reason));
      return;
    case "attempt.cancelled":
      settle(attempt, { state: "cancelled" }, null, null);
      addNotice(attempt, event, "info", "cancelled");
      return;
    default:
      takeTaskEvent(view, event);
  }
}

function takeReply(attempt: AttemptView, reply: string, state: "given" | "missed"): void {
  attempt.items = attempt.items.map((item) => (item.kind === "reply" && item.reply === reply ? { ...item, state } : item));
}

/** A kind that is refused is shown as a notice too, the first time. */
function takeRequest(attempt: AttemptView, event: TaskEvent, body: NetworkRequested): void {
  const { type: _, ...request } = body;
  const run = event.run ?? attempt.run;
  const known = attempt.network.findIndex(
    (row) =>
      row.run === run &&
      row.phase === body.phase &&
      row.method === body.method &&
      row.host === body.host &&
      row.port === body.port &&
      row.decision === body.decision &&
      row.rule === body.rule &&
      row.reason === body.reason,
  );
  const row = attempt.network[known];
  if (row) {
    attempt.network[known] = { ...row, count: row.count + body.count, bytes: row.bytes + (body.bytes ?? 0) };
    return;
  }
  attempt.network.push({ ...request, seq: event.seq, at: event.at, run, bytes: body.bytes ?? 0 });
  if (body.decision === "refused") addNotice(attempt, event, "warning", refusalInWords(body));
}

function startRun(attempt: AttemptView, event: TaskEvent, worker: string): void {
  const run = event.run ?? attempt.run + 1;
  cutOff(attempt); // a worker that was killed could not say so itself
  attempt.run = run;
  attempt.worker = worker;
  attempt.resumed = run === 1;
  attempt.stopped = null;
  attempt.state = { state: "running", run, phase: null };
}

function resume(attempt: AttemptView, event: TaskEvent, body: Resumed): void {
  supersede(attempt, event.run ?? attempt.run, body.keptUntil);
  attempt.resumed = true;
  addNotice(attempt, event, body.lost === null ? "info" : "warning", resumedInWords(body, event.run ?? attempt.run));
}

/** What earlier runs did after the event, and the calls that were cut off in between, do not count any more. */
function supersede(attempt: AttemptView, run: number, keptUntil: number): void {
  attempt.items = attempt.items.map((item) => {
    const counts = item.seq <= keptUntil && !("state" in item && item.state === "cut-off");
    const isOver = item.kind === "notice" || item.kind === "reply" || item.supersededBy !== null || (item.run ?? run) >= run;
    return counts || isOver ? item : { ...item, supersededBy: run };
  });
}

function settle(attempt: AttemptView, state: AttemptState, stats: DiffStats | null, patch: string | null): void {
  cutOff(attempt);
  attempt.state = state;
  attempt.stats = stats;
  attempt.patch = patch;
}

function cutOff(attempt: AttemptView): void {
  for (const call of [...attempt.openCalls.keys()]) changeCall(attempt, call, () => ({ state: "cut-off" }));
  attempt.openCalls.clear();
  const last = attempt.phases.at(-1);
  if (last?.state === "running") changePhase(attempt, last.phase, { state: "cut-off" });
}

function changeCall(attempt: AttemptView, id: string, change: (call: CommandItem | ToolItem) => Partial<CallBase>): void {
  const index = attempt.openCalls.get(id);
  const item = index === undefined ? undefined : attempt.items[index];
  if (index === undefined || (item?.kind !== "command" && item?.kind !== "tool")) return;
  attempt.items[index] = { ...item, ...change(item) };
}

function addOutput(call: CommandItem | ToolItem, chunk: { stream: OutputChunk["stream"]; text: string; dropped?: number | undefined }) {
  const dropped = chunk.dropped ?? 0;
  call.output.push({ stream: chunk.stream, text: chunk.text, dropped }); // the one array that is shared with the object replaced
  return { dropped: call.dropped + dropped };
}

function changePhase(attempt: AttemptView, phase: Phase, change: Partial<PhaseView>): void {
  const index = attempt.phases.findLastIndex((one) => one.phase === phase && one.state === "running");
  const found = attempt.phases[index];
  if (found) attempt.phases[index] = { ...found, ...change };
}

function newCall(attempt: AttemptView, event: TaskEvent, body: Extract<EventBody, { type: "tool.started" }>): CommandItem | ToolItem {
  const base = callBase(event, body.call);
  const isCheck = body.tool === "check";
  const command = body.tool === "shell" || isCheck ? commandText(body.input) : null;
  if (command !== null && isCheck) {
    const check: CheckView = { command, call: body.call, step: body.step, exit: null };
    attempt.checks = [...attempt.checks.filter(({ step, call }) => step === body.step && call !== body.call), check];
  }
  if (command !== null) return { kind: "command", ...base, command };
  const subject = subjectOf(body.tool, body.input);
  if (subject.kind === "plan") attempt.plan = subject.steps;
  return { kind: "tool", ...base, tool: body.tool, input: body.input, subject };
}

function setupItem(event: TaskEvent, script: string): CommandItem {
  return { kind: "command", ...callBase(event, SETUP), command: script };
}

function callBase(event: TaskEvent, call: string): CallBase {
  return {
    ...itemBase(event),
    call,
    state: "running",
    output: [],
    dropped: 0,
    isError: false,
    result: null,
    exit: null,
    durationMs: null,
    stored: null,
  };
}

function commandText(input: Json): string | null {
  if (typeof input !== "object" || input === null || Array.isArray(input)) return null;
  return typeof input.command === "string" ? input.command : null;
}

function addNotice(attempt: AttemptView, event: TaskEvent, tone: NoticeItem["tone"], text: string): void {
  attempt.items.push({ kind: "notice", ...itemBase(event), tone, text });
}

/** What the loop told the agent, in a line. */
export function toldInWords({ about, text }: Extract<EventBody, { type: "agent.told" }>): string {
  if (about === "checks") return "checks failed, and the agent was told what they showed";
  if (about === "instructions") return `instructions: ${(text.split("\n")[0] ?? "").replace(/:$/, "")}`;
  return `the agent was told: ${text}`;
}

/** That the conversation was shortened, with the summary after the first line. */
export function compactedInWords(body: Extract<EventBody, { type: "context.compacted" }>): string {
  const tokens = (count: number) => `${Math.max(1, Math.round(count / 1000))}k`;
  return `conversation shortened from about ${tokens(body.tokensBefore)} to ${tokens(body.tokensAfter)} tokens; what the agent keeps in mind:\n${body.summary}`;
}

function itemBase(event: TaskEvent): ItemBase {
  return { seq: event.seq, at: event.at, run: event.run, supersededBy: null };
}

function isFinal(state: AttemptState): boolean {
  return state.state === "succeeded" || state.state === "failed" || state.state === "cancelled";
}

function addUsage(sum: Usage, more: Usage): Usage {
  const add = (a: number | null, b: number | null) => (a === null ? b : b === null ? a : a + b);
  return {
    inputTokens: add(sum.inputTokens, more.inputTokens),
    cachedTokens: add(sum.cachedTokens, more.cachedTokens),
    outputTokens: add(sum.outputTokens, more.outputTokens),
    reasoningTokens: add(sum.reasoningTokens, more.reasoningTokens),
    costUsd: add(sum.costUsd, more.costUsd),
  };
}

function attemptsOf(view: TranscriptView, turn: number): AttemptView[] {
  return view.turns.find((one) => one.turn === turn)?.attempts ?? view.attempts;
}

function attemptOf(attempts: AttemptView[], number: number): AttemptView {
  const known = attempts.find((attempt) => attempt.number === number);
  if (known) return known;
  const attempt: AttemptView = {
    number,
    state: { state: "queued" },
    run: 0,
    worker: null,
    phases: [],
    items: [],
    network: [],
    steps: 0,
    usage: { inputTokens: null, cachedTokens: null, outputTokens: null, reasoningTokens: null, costUsd: null },
    plan: null,
    stats: null,
    description: null,
    checks: [],
    patch: null,
    base: null,
    recipe: null,
    stopped: null,
    openCalls: new Map(),
    resumed: true,
  };
  attempts.push(attempt);
  return attempt;
}
