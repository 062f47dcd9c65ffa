import { changePhase, cutOffPhase, failPhase, sayInPhase, startPhase } from "./attempt-phases.ts";
import type { EventBody, TaskEvent, Usage } from "./event.ts";
import { retryInWords } from "./model.ts";
import { type NetworkRequested, refusalInWords } from "./network.ts";
import { hasSay, recipeInWords } from "./recipe.ts";
import { type AttemptState, type DiffStats, type FailureReason, failureInWords } from "./task.ts";
import { subjectOf } from "./tool-subject.ts";
import {
  type AttemptView,
  type CallBase,
  type CheckView,
  type CommandItem,
  compactedInWords,
  HISTORY_REMOVED,
  type ItemBase,
  type Json,
  type NoticeItem,
  type OutputChunk,
  type Resumed,
  resumedInWords,
  type ToolItem,
  toldInWords,
} from "./transcript-view.ts";
import { endWriting } from "./writing.ts";

/** A script of the environment is shown like a command of the agent; no call of an engine has this name, since a run has set up before it. */
const SETUP = "setup";

/** Takes an event of a run into its attempt; false = it tells of something else. */
export function takeAttemptEvent(attempt: AttemptView, event: TaskEvent): boolean {
  const body = event.body;
  switch (body.type) {
    case "run.started":
      startRun(attempt, event, body.worker);
      return true;
    case "run.interrupted":
      cutOff(attempt, event);
      attempt.state = { state: "queued" };
      addNotice(attempt, event, "warning", `run ${event.run ?? attempt.run} was cut off: ${body.detail}`);
      return true;
    case "run.resumed":
      resume(attempt, event, body);
      return true;
    case "checkpoint.failed":
      addNotice(attempt, event, "warning", `the working tree could not be saved: ${body.detail}`);
      return true;
    case "phase.started":
      attempt.state = { state: "running", run: event.run ?? attempt.run, phase: body.phase };
      startPhase(attempt, event, body.phase, body.limitMs);
      return true;
    case "phase.progress":
      changePhase(attempt, body.phase, { progress: body.text });
      sayInPhase(attempt, event, "info", body.text);
      return true;
    case "phase.finished":
      changePhase(attempt, body.phase, { state: "done", endSeq: event.seq, durationMs: body.durationMs, note: body.note });
      return true;
    case "setup.started":
      attempt.openCalls.set(SETUP, attempt.items.push(setupItem(event, body.text)) - 1);
      return true;
    case "setup.output":
      changeCall(attempt, SETUP, (call) => addOutput(call, body));
      return true;
    case "setup.finished":
      changeCall(attempt, SETUP, () => ({ state: "done", exit: body.exit, durationMs: body.durationMs, stored: body.output }));
      attempt.openCalls.delete(SETUP);
      return true;
    case "network.request":
      takeRequest(attempt, event, body);
      return true;
    case "recipe.resolved":
      attempt.recipe = body.recipe;
      if (hasSay(body.recipe)) addNotice(attempt, event, "info", recipeInWords(body.recipe));
      for (const notice of body.recipe.notices) addNotice(attempt, event, "warning", notice);
      return true;
    case "base.resolved":
      // a later run stands on the commit itself; the first has its name
      if (attempt.base?.commit !== body.commit) attempt.base = { commit: body.commit, ref: body.ref };
      return true;
    case "step.started":
      if (!attempt.resumed) supersede(attempt, attempt.run, 0); // a log from before runs were resumed
      attempt.resumed = true;
      attempt.steps = body.step;
      return true;
    case "model.retried":
      attempt.writing = null;
      addNotice(attempt, event, "warning", retryInWords(body));
      return true;
    case "step.answered":
      endWriting(attempt, body.step);
      attempt.usage = addUsage(attempt.usage, body.usage);
      return true;
    case "message":
      endWriting(attempt, body.step);
      attempt.items.push({ kind: "message", ...itemBase(event), text: body.text });
      return true;
    case "tool.started":
      attempt.openCalls.set(body.call, attempt.items.push(newCall(attempt, event, body)) - 1);
      return true;
    case "tool.output":
      changeCall(attempt, body.call, (call) => addOutput(call, body));
      return true;
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
      return true;
    case "context.compacted":
      addNotice(attempt, event, "info", compactedInWords(body));
      return true;
    case "agent.told":
      addNotice(attempt, event, body.about === "instructions" ? "info" : "warning", toldInWords(body));
      return true;
    case "reply.given":
    case "reply.missed":
      takeReply(attempt, body.reply, body.type === "reply.given" ? "given" : "missed");
      return true;
    case "event.removed":
      if (!attempt.items.some((item) => item.kind === "notice" && item.text === HISTORY_REMOVED))
        addNotice(attempt, event, "info", HISTORY_REMOVED);
      return true;
    case "engine.stopped":
      attempt.stopped = { reason: body.reason, detail: body.detail };
      return true;
    case "attempt.awaiting":
      attempt.state = { state: "awaiting-input", question: body.question, options: body.options, stats: body.stats };
      attempt.stats = body.stats;
      attempt.patch = body.patch;
      return true;
    case "question.answered":
      attempt.state = { state: "queued" };
      attempt.patch = null;
      attempt.stats = null;
      return true;
    case "change.described":
      attempt.description = { title: body.title, text: body.text };
      attempt.usage = addUsage(attempt.usage, body.usage);
      return true;
    case "attempt.succeeded":
      settle(attempt, event, { state: "succeeded", stats: body.stats, ...(body.stopped && { stopped: true }) }, body.stats, body.patch);
      return true;
    case "attempt.failed":
      failPhase(attempt, event);
      settle(attempt, event, { state: "failed", reason: body.reason, stats: body.stats }, body.stats, body.patch);
      addFailure(attempt, event, body.reason);
      return true;
    case "attempt.cancelled":
      settle(attempt, event, { state: "cancelled" }, null, null);
      addNotice(attempt, event, "info", "cancelled");
      return true;
    default:
      return false;
  }
}

/** The end of a script's output is not said again where the whole stands above. */
function addFailure(attempt: AttemptView, event: TaskEvent, reason: FailureReason): void {
  const words = failureInWords(reason);
  const short = reason.kind === "setup-failed" ? (words.split("\n")[0] ?? "") : words;
  const ranHere = attempt.items.some((item) => item.kind === "command" && item.call === SETUP);
  attempt.items.push(noticeItem(event, "error", ranHere ? short : words));
  sayInPhase(attempt, event, "error", short);
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
  if (body.decision !== "refused") return;
  const text = refusalInWords(body);
  attempt.items.push({ ...noticeItem(event, "warning", text), refused: body });
  sayInPhase(attempt, event, "warning", text);
}

function startRun(attempt: AttemptView, event: TaskEvent, worker: string): void {
  const run = event.run ?? attempt.run + 1;
  cutOff(attempt, event); // a worker that was killed could not say so itself
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

function settle(attempt: AttemptView, event: TaskEvent, state: AttemptState, stats: DiffStats | null, patch: string | null): void {
  cutOff(attempt, event);
  attempt.state = state;
  attempt.stats = stats;
  attempt.patch = patch;
}

function cutOff(attempt: AttemptView, { seq }: TaskEvent): void {
  for (const call of [...attempt.openCalls.keys()]) changeCall(attempt, call, () => ({ state: "cut-off" }));
  attempt.openCalls.clear();
  attempt.writing = null;
  cutOffPhase(attempt, seq);
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

export function addNotice(attempt: AttemptView, event: TaskEvent, tone: NoticeItem["tone"], text: string): void {
  attempt.items.push(noticeItem(event, tone, text));
  sayInPhase(attempt, event, tone, text);
}

function noticeItem(event: TaskEvent, tone: NoticeItem["tone"], text: string): NoticeItem {
  return { kind: "notice", ...itemBase(event), tone, text };
}

export function itemBase(event: TaskEvent): ItemBase {
  return { seq: event.seq, at: event.at, run: event.run, supersededBy: null };
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

/** The attempt of that number, made where there is none. */
export function attemptOf(attempts: AttemptView[], number: number): AttemptView {
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
    writing: null,
    answered: 0,
    stopped: null,
    openCalls: new Map(),
    resumed: true,
  };
  attempts.push(attempt);
  return attempt;
}
