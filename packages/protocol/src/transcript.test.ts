import assert from "node:assert/strict";
import { test } from "node:test";
import type { EventBody, TaskEvent } from "./event.ts";
import { reduce, statusOf } from "./transcript.ts";
import { type CommandItem, emptyTranscript, exitInWords, type TranscriptView } from "./transcript-view.ts";
import { takeWriting } from "./writing.ts";

const AT = "2026-01-02T03:04:05.000Z";
const STATS = { files: 1, added: 2, removed: 0 };

/** A log that numbers what is put into it. */
function log(): { view: TranscriptView; add(body: EventBody, run?: number | null): TaskEvent } {
  const view = emptyTranscript();
  let seq = 0;
  return {
    view,
    add(body, run = 1) {
      const ofTask = /^(task|turn|publication|cancel|stop)\.|^reply\.sent/.test(body.type);
      const event: TaskEvent = {
        task: "t",
        seq: ++seq,
        at: AT,
        turn: ofTask ? null : 1,
        attempt: ofTask ? null : 1,
        run: ofTask ? null : run,
        body,
      };
      reduce(view, event);
      return event;
    },
  };
}

const created: EventBody = {
  type: "task.created",
  title: "Add a footer",
  mode: "code",
  model: "script",
  environment: "shop",
  environmentVersion: 3,
  attempts: 1,
  by: "Ada",
};
const shell = (call: string, command: string): EventBody => ({ type: "tool.started", step: 1, call, tool: "shell", input: { command } });
const finished = (call: string, code = 0): EventBody => ({
  type: "tool.finished",
  call,
  isError: false,
  result: "ok",
  exit: { kind: "exited", code },
  durationMs: 7,
  output: null,
});
const items = (view: TranscriptView) => view.attempts[0]?.items ?? [];

test("a task that succeeds and is published", () => {
  const { view, add } = log();
  assert.equal(statusOf(view), "waiting", "nothing is known yet");
  add(created);
  add({ type: "turn.started", turn: 1, prompt: "please", by: "Ada" });
  assert.equal(statusOf(view), "waiting");
  add({ type: "run.started", worker: "w1" });
  add({ type: "phase.started", phase: "checkout", limitMs: 1000 });
  add({ type: "phase.progress", phase: "checkout", text: "50%" });
  assert.equal(view.attempts[0]?.phases[0]?.progress, "50%");
  add({ type: "base.resolved", commit: "abc", ref: "main" });
  add({ type: "phase.finished", phase: "checkout", durationMs: 12, note: "12 files" });
  add({ type: "phase.started", phase: "agent", limitMs: 1000 });
  assert.deepEqual(view.attempts[0]?.state, { state: "running", run: 1, phase: "agent" });
  add({ type: "message", step: 1, text: "I begin." });
  add(shell("c1", "make"));
  add({ type: "tool.output", call: "c1", stream: "stdout", text: "one\n" });
  add({ type: "tool.output", call: "c1", stream: "stderr", text: "two\n", dropped: 10 });
  add(finished("c1", 2));
  const usage = { inputTokens: 5, cachedTokens: null, outputTokens: 1, reasoningTokens: null, costUsd: 0.5 };
  add({ type: "step.answered", step: 1, usage, durationMs: 3 });
  add({ type: "step.answered", step: 2, usage, durationMs: 3 });
  add({ type: "engine.stopped", reason: "done", detail: "all done", steps: 2 });
  add({ type: "phase.finished", phase: "agent", durationMs: 40, note: "" });
  assert.equal(statusOf(view), "running");
  add({ type: "attempt.succeeded", patch: "blob-1", bytes: 99, stats: STATS });
  add({ type: "task.titled", title: "Add a footer to all pages" });
  assert.equal(statusOf(view), "ready");
  add({ type: "publication.asked", branch: "farhand/x", by: "Ada" });
  add({ type: "publication.started", branch: "farhand/x" });
  add({ type: "publication.published", branch: "farhand/x", commit: "def" });
  add({ type: "task.archived", by: "Ada" });

  assert.equal(statusOf(view), "published");
  assert.equal(view.archived, true);
  assert.deepEqual([view.title, view.model, view.environment?.version], ["Add a footer to all pages", "script", 3]);
  const turn = {
    turn: 1,
    prompt: "please",
    images: 0,
    by: "Ada",
    at: AT,
    model: "script",
    mode: "code",
    follows: null,
    fromStep: null,
    retryOf: null,
    attempts: view.attempts,
    chosen: null,
  };
  assert.deepEqual(view.turns, [turn]);
  const [attempt] = view.attempts;
  assert.deepEqual(attempt?.base, { commit: "abc", ref: "main" });
  assert.deepEqual(attempt?.stats, STATS);
  assert.equal(attempt?.usage.inputTokens, 10);
  assert.equal(attempt?.usage.cachedTokens, null);
  assert.deepEqual(
    attempt?.phases.map((phase) => [phase.phase, phase.state, phase.durationMs, phase.note]),
    [
      ["checkout", "done", 12, "12 files"],
      ["agent", "done", 40, ""],
    ],
  );
  const [message, command] = items(view);
  assert.deepEqual([message?.kind, message?.kind === "message" && message.text], ["message", "I begin."]);
  assert.ok(command?.kind === "command");
  assert.deepEqual([command.command, command.state, command.durationMs, command.dropped], ["make", "done", 7, 10]);
  assert.equal(command.exit && exitInWords(command.exit), "exit 2");
  assert.deepEqual(
    command.output.map((chunk) => [chunk.stream, chunk.text, chunk.dropped]),
    [
      ["stdout", "one\n", 0],
      ["stderr", "two\n", 10],
    ],
  );
});

test("a turn that only answers keeps the change before it, with what was said of it and what became of it", () => {
  const { view, add } = log();
  add(created);
  add({ type: "turn.started", turn: 1, prompt: "please", by: "Ada" });
  const usage = { inputTokens: 5, cachedTokens: null, outputTokens: 1, reasoningTokens: null, costUsd: 0.5 };
  add({ type: "change.described", step: 1, title: "Add it", text: "All of it.", usage, durationMs: 1 });
  add({ type: "attempt.succeeded", patch: "p", bytes: 9, stats: STATS });
  const inTurn = (turn: number, body: EventBody) =>
    reduce(view, { task: "t", seq: view.lastSeq + 1, at: AT, turn, attempt: 1, run: 1, body });
  const addOfTask = (body: EventBody) =>
    reduce(view, { task: "t", seq: view.lastSeq + 1, at: AT, turn: null, attempt: null, run: null, body });
  const turn = (number: number, mode: "ask" | "code") =>
    addOfTask({ type: "turn.started", turn: number, prompt: "?", by: "Ada", attempts: 1, follows: 1, mode });
  turn(2, "ask");
  assert.deepEqual([statusOf(view), view.attempts[0]?.description?.title], ["waiting", "Add it"]);
  inTurn(2, { type: "attempt.succeeded", patch: "p", bytes: 9, stats: STATS });
  assert.equal(statusOf(view), "ready", "the change is still there to review");
  addOfTask({ type: "publication.asked", branch: "b", by: "Ada", turn: 2, attempt: 1 });
  addOfTask({ type: "publication.published", branch: "b", commit: "c" });
  turn(3, "ask");
  inTurn(3, { type: "attempt.succeeded", patch: "p", bytes: 9, stats: STATS });
  assert.equal(statusOf(view), "published");
  turn(4, "code");
  inTurn(4, { type: "attempt.succeeded", patch: "q", bytes: 9, stats: STATS });
  assert.deepEqual([statusOf(view), view.attempts[0]?.description], ["ready", null]);
});

test("an event that was taken in already changes nothing", () => {
  const { view, add } = log();
  add(created);
  const event = add({ type: "message", step: 1, text: "once" });
  reduce(view, event);
  reduce(view, { ...event, seq: 1 });
  assert.equal(items(view).length, 1);
  assert.equal(view.lastSeq, 2);
});

test("a run that is cut off keeps its items; one that begins anew supersedes them, and its calls may have the same names", () => {
  const { view, add } = log();
  add(created);
  add({ type: "run.started", worker: "w1" });
  add({ type: "phase.started", phase: "agent", limitMs: 1 });
  add(shell("c1", "sleep 100"));
  add({ type: "run.interrupted", detail: "the worker stopped" });
  assert.equal(statusOf(view), "waiting");
  assert.equal(view.attempts[0]?.phases[0]?.state, "cut-off");
  assert.deepEqual([(items(view)[0] as CommandItem).state, items(view)[0]?.supersededBy], ["cut-off", null]);
  add({ type: "run.started", worker: "w2" }, 2);
  assert.equal(items(view)[0]?.supersededBy, null, "nobody knows yet what the run goes on with");
  add({ type: "run.resumed", fromStep: 1, keptUntil: 0, lost: null }, 2);
  assert.equal(items(view)[0]?.supersededBy, 2);
  add(shell("c1", "sleep 100"), 2);
  add({ type: "tool.output", call: "c1", stream: "stdout", text: "second" }, 2);
  add(finished("c1"), 2);

  const commands = items(view).filter((item) => item.kind === "command");
  assert.deepEqual(
    commands.map((one) => [one.run, one.state, one.supersededBy, one.output.length]),
    [
      [1, "cut-off", 2, 0],
      [2, "done", null, 1],
    ],
  );
  const notices = items(view).filter((item) => item.kind === "notice");
  assert.deepEqual(
    notices.map((one) => [one.text, one.supersededBy]),
    [
      ["run 1 was cut off: the worker stopped", null],
      ["started again (run 2)", null],
    ],
  );
});

test("a run that is resumed goes on after what still counts; what was cut off or came later is superseded", () => {
  const { view, add } = log();
  add(created);
  add({ type: "run.started", worker: "w1" });
  add({ type: "step.started", step: 1, model: "m" });
  add({ type: "message", step: 1, text: "first" });
  add(shell("1.1", "make"));
  add(shell("1.2", "slow"));
  const { seq } = add(finished("1.1"));
  add({ type: "step.started", step: 2, model: "m" });
  add({ type: "message", step: 2, text: "lost" });
  add({ type: "run.started", worker: "w2" }, 2);
  add({ type: "run.resumed", fromStep: 3, keptUntil: seq, lost: "no room" }, 2);
  add({ type: "step.started", step: 3, model: "m" }, 2);
  add({ type: "message", step: 3, text: "second" }, 2);
  assert.deepEqual(
    items(view).map((item) => [item.kind === "command" ? item.command : item.kind === "tool" ? item.tool : item.text, item.supersededBy]),
    [
      ["first", null],
      ["make", null],
      ["slow", 2],
      ["lost", 2],
      ["resumed at step 3 (run 2): no room", null],
      ["second", null],
    ],
  );
  assert.equal(view.attempts[0]?.steps, 3);
});

test("in a log from before runs were resumed, the next run's first step supersedes all before it", () => {
  const { view, add } = log();
  add({ type: "run.started", worker: "w1" });
  add({ type: "step.started", step: 1, model: "m" });
  add({ type: "message", step: 1, text: "first" });
  add({ type: "run.started", worker: "w1" }, 2);
  add({ type: "step.started", step: 1, model: "m" }, 2);
  add({ type: "message", step: 1, text: "again" }, 2);
  assert.deepEqual(
    items(view).map((item) => item.supersededBy),
    [2, null],
  );
});

test("a worker that was killed says nothing; the next run still ends what was open", () => {
  const { view, add } = log();
  add({ type: "run.started", worker: "w1" });
  add({ type: "phase.started", phase: "agent", limitMs: 1 });
  add(shell("c1", "x"));
  add({ type: "run.started", worker: "w2" }, 2);
  assert.equal((items(view)[0] as CommandItem).state, "cut-off");
  assert.equal(view.attempts[0]?.phases[0]?.state, "cut-off");
});

test("failure and cancel leave a notice, and cut off what was open", () => {
  const failed = log();
  failed.add(created);
  failed.add({ type: "run.started", worker: "w" });
  failed.add(shell("c1", "x"));
  failed.add({ type: "attempt.failed", reason: { kind: "gave-up", detail: "exit 1" }, patch: "p", stats: STATS });
  assert.equal(statusOf(failed.view), "failed");
  assert.equal((items(failed.view)[0] as CommandItem).state, "cut-off");
  const [notice] = items(failed.view).slice(-1);
  assert.deepEqual(notice?.kind === "notice" && [notice.tone, notice.text], ["error", "stopped by the agent: exit 1"]);

  const cancelled = log();
  cancelled.add(created);
  cancelled.add({ type: "cancel.requested", by: "Ada" });
  cancelled.add({ type: "attempt.cancelled" });
  assert.equal(statusOf(cancelled.view), "cancelled");
  assert.deepEqual(
    items(cancelled.view).map((item) => item.kind === "notice" && item.text),
    ["cancelling, asked by Ada", "cancelled"],
  );
});

test("other tools, odd input and output of unknown calls are shown or passed over, never a crash", () => {
  const { view, add } = log();
  add({ type: "tool.started", step: 1, call: "__proto__", tool: "read", input: { path: "/x" } });
  add({ type: "tool.started", step: 1, call: "constructor", tool: "shell", input: ["not", "an object"] });
  add({ type: "tool.output", call: "never-started", stream: "stdout", text: "lost" });
  add(finished("never-started"));
  add(finished("__proto__"));
  assert.deepEqual(
    items(view).map((item) => [item.kind, item.kind === "tool" && item.tool, item.kind === "tool" && item.state]),
    [
      ["tool", "read", "done"],
      ["tool", "shell", "running"],
    ],
  );
});

test("a changed item is a new object and an unchanged one stays the same", () => {
  const { view, add } = log();
  add(shell("c1", "a"));
  add(shell("c2", "b"));
  const [first, second] = items(view);
  add({ type: "tool.output", call: "c2", stream: "stdout", text: "x" });
  assert.equal(items(view)[0], first);
  assert.notEqual(items(view)[1], second);
});

test("the work per event does not grow with the log", () => {
  const { view, add } = log();
  add(shell("c0", "first"));
  const { output } = items(view)[0] as CommandItem;
  const before = items(view);
  for (let n = 1; n <= 25_000; n++) {
    add({ type: "message", step: 1, text: "m" });
    add({ type: "tool.output", call: "c0", stream: "stdout", text: "x" });
  }
  assert.equal(items(view), before, "the list itself is never copied within a run");
  assert.equal((items(view)[0] as CommandItem).output, output, "nor is a command's output");
  assert.deepEqual([items(view).length, output.length], [25_001, 25_000]);
});

test("setup is shown like a command: its script, its output as it comes, its end; a failure repeats none of it", () => {
  const { view, add } = log();
  add(created);
  add({ type: "run.started", worker: "w" });
  add({ type: "phase.started", phase: "setup", limitMs: 1 });
  add({ type: "setup.started", script: "setup", text: "npm ci" });
  add({ type: "setup.output", stream: "stdout", text: "one\n" });
  add({ type: "setup.output", stream: "stderr", text: "two\n", dropped: 3 });
  const running = view.attempts[0]?.items[0] as CommandItem;
  assert.equal(running.state, "running");
  add({ type: "setup.finished", exit: { kind: "exited", code: 1 }, durationMs: 5, output: { blob: "b", bytes: 11, truncated: false } });
  const done = view.attempts[0]?.items[0] as CommandItem;
  assert.deepEqual(
    [done.kind, done.command, done.state, done.exit, done.dropped],
    ["command", "npm ci", "done", { kind: "exited", code: 1 }, 3],
  );
  assert.deepEqual(
    done.output.map(({ text }) => text),
    ["one\n", "two\n"],
  );
  assert.equal(done.stored?.blob, "b");
  add({ type: "attempt.failed", reason: { kind: "setup-failed", script: "setup", how: "exit 1", tail: "two" }, patch: null, stats: null });
  const notice = view.attempts[0]?.items[1];
  assert.ok(notice?.kind === "notice" && notice.text === "setup failed: exit 1");
});

test("a setup that failed for another task is told of with the end of its log", () => {
  const { view, add } = log();
  add(created);
  add({ type: "run.started", worker: "w" });
  add({ type: "attempt.failed", reason: { kind: "setup-failed", script: "setup", how: "exit 1", tail: "two" }, patch: null, stats: null });
  const notice = view.attempts[0]?.items[0];
  assert.ok(notice?.kind === "notice" && notice.text === "setup failed: exit 1\ntwo");
});

test("a setup that was cut off is shown so, and the next run's stands for itself", () => {
  const { view, add } = log();
  add(created);
  add({ type: "run.started", worker: "w" });
  add({ type: "setup.started", script: "setup", text: "npm ci" });
  add({ type: "run.started", worker: "w" }, 2);
  add({ type: "setup.started", script: "setup", text: "npm ci" }, 2);
  add({ type: "run.resumed", fromStep: 1, keptUntil: 0, lost: null }, 2);
  const [first, second] = (view.attempts[0]?.items ?? []) as CommandItem[];
  assert.deepEqual([first?.state, first?.supersededBy, second?.state], ["cut-off", 2, "running"]);
});

test("turns follow one another, each with attempts of its own, and the last one decides how the task stands", () => {
  const view = emptyTranscript();
  let seq = 0;
  const add = (body: EventBody, turn: number | null = null, attempt: number | null = null) =>
    reduce(view, { task: "t", seq: ++seq, at: AT, turn, attempt, run: attempt && 1, body });
  add({ ...created, attempts: 2 } as EventBody);
  add({ type: "turn.started", turn: 1, prompt: "please", by: "Ada" });
  for (const attempt of [1, 2]) {
    add({ type: "run.started", worker: "w" }, 1, attempt);
    add({ type: "message", step: 1, text: `I am attempt ${attempt}.` }, 1, attempt);
  }
  add({ type: "reply.sent", reply: "rep_1", turn: 1, attempt: 2, text: "quick", by: "Bob" });
  add({ type: "attempt.succeeded", patch: "p1", bytes: 1, stats: STATS }, 1, 1);
  assert.equal(statusOf(view), "running");
  add({ type: "reply.given", reply: "rep_1" }, 1, 2);
  add({ type: "attempt.succeeded", patch: "p2", bytes: 1, stats: STATS, stopped: true }, 1, 2);
  add({ type: "turn.chosen", turn: 1, attempt: 2, by: "Ada" });
  add({ type: "publication.asked", branch: "farhand/x", by: "Ada", turn: 1, attempt: 2 });
  add({ type: "publication.published", branch: "farhand/x", commit: "def" });
  assert.equal(statusOf(view), "published");
  add({ type: "turn.started", turn: 2, prompt: "more", by: "Bob", attempts: 1, follows: 2, model: "other" });
  assert.equal(statusOf(view), "waiting", "an earlier turn's publication says nothing about this one");
  add({ type: "run.started", worker: "w" }, 2, 1);
  add({ type: "message", step: 1, text: "I go on." }, 2, 1);
  add({ type: "attempt.succeeded", patch: "p3", bytes: 1, stats: STATS }, 2, 1);
  assert.equal(statusOf(view), "ready");

  const texts = view.turns.map(({ attempts }) => attempts.map(({ items }) => items.map((item) => ("text" in item ? item.text : ""))));
  assert.deepEqual(texts, [[["I am attempt 1."], ["I am attempt 2.", "quick"]], [["I go on."]]]);
  const [first, second] = view.turns;
  assert.deepEqual([first?.chosen, first?.follows, second?.chosen, second?.follows], [2, null, null, 2]);
  assert.deepEqual([first?.model, second?.model, view.model], ["script", "other", "other"]);
  assert.deepEqual(first?.attempts[1]?.state, { state: "succeeded", stats: STATS, stopped: true });
  assert.deepEqual(first?.attempts[1]?.items.find((item) => item.kind === "reply")?.state, "given");
  assert.equal(view.attempts, second?.attempts);

  add({ type: "turn.started", turn: 3, prompt: "why", by: "Bob", attempts: 1, follows: 1, mode: "ask" });
  const description = { title: "Mend it", text: "" };
  for (const attempt of view.attempts) attempt.description = description;
  add({ type: "attempt.cancelled" }, 3, 1);
  add({ type: "turn.started", turn: 4, prompt: "why", by: "Ada", attempts: 1, retryOf: 3, environmentVersion: 5, mode: "ask" });
  assert.deepEqual([view.turns.at(-1)?.retryOf, view.environment?.version, statusOf(view)], [3, 5, "waiting"]);
  assert.equal(view.attempts[0]?.description, description, "of the change that the question was about");
});

test("a phase keeps what was said in it, the last of it, and the one that an attempt failed in says so", () => {
  const { view, add } = log();
  add(created);
  add({ type: "run.started", worker: "w" });
  add({ type: "phase.started", phase: "checkout", limitMs: 1000 });
  for (let at = 1; at <= 203; at++) add({ type: "phase.progress", phase: "checkout", text: `${at} files` });
  const done = add({ type: "phase.finished", phase: "checkout", durationMs: 5, note: "" });
  add({ type: "phase.started", phase: "setup", limitMs: 1000 });
  add({ type: "setup.started", script: "setup", text: "make" });
  const reason = { kind: "setup-failed", script: "setup", how: "exit 2", tail: "no make" } as const;
  const end = add({ type: "attempt.failed", reason, patch: null, stats: null });
  const [checkout, setup] = view.attempts[0]?.phases ?? [];
  assert.deepEqual([checkout?.state, checkout?.endSeq, checkout?.lines.length, checkout?.earlierLines], ["done", done.seq, 200, 3]);
  assert.deepEqual([checkout?.lines[0]?.text, checkout?.progress], ["4 files", "203 files"]);
  assert.deepEqual([setup?.state, setup?.endSeq, setup?.durationMs], ["failed", end.seq, 0]);
  assert.deepEqual(setup?.lines, [{ seq: end.seq, at: AT, tone: "error", text: "setup failed: exit 2" }]);

  const spent = log();
  spent.add(created);
  spent.add({ type: "run.started", worker: "w" });
  spent.add({ type: "phase.started", phase: "agent", limitMs: 1000 });
  spent.add({ type: "phase.finished", phase: "agent", durationMs: 5, note: "" });
  spent.add({ type: "phase.started", phase: "collect", limitMs: 1000 });
  spent.add({ type: "phase.finished", phase: "collect", durationMs: 5, note: "" });
  spent.add({ type: "attempt.failed", reason: { kind: "stuck", detail: "it went round" }, patch: null, stats: null });
  assert.deepEqual(
    spent.view.attempts[0]?.phases.map(({ phase, state }) => [phase, state]),
    [
      ["agent", "failed"],
      ["collect", "done"],
    ],
  );
});

test("what is being written grows, gives way to what is known, and to nothing that is over", () => {
  const { view, add } = log();
  const piece = (step: number, from: number, text: string, run = 1) =>
    takeWriting(view, { task: "t", turn: 1, attempt: 1, run, step, from, text });
  const now = () => view.attempts[0]?.writing;
  const usage = { inputTokens: null, cachedTokens: null, outputTokens: null, reasoningTokens: null, costUsd: null };
  const answered = (step: number): EventBody => ({ type: "step.answered", step, usage, durationMs: 1 });
  piece(1, 0, "before the task is known");
  add(created);
  add({ type: "turn.started", turn: 1, prompt: "x", by: "Ada" });
  piece(1, 0, "before it runs");
  assert.equal(now(), null);
  add({ type: "run.started", worker: "w" });
  piece(1, 0, "One, ");
  piece(1, 5, "two");
  assert.deepEqual(now(), { step: 1, from: 0, text: "One, two" });
  add({ type: "model.retried", step: 1, detail: "overloaded", waitMs: 1 });
  assert.equal(now(), null);
  piece(1, 0, "Again");
  piece(1, 90, "after a gap");
  assert.deepEqual(now(), { step: 1, from: 90, text: "after a gap" });
  piece(2, 0, "overtakes");
  add({ type: "message", step: 1, text: "Again and whole" });
  add(answered(1));
  assert.deepEqual(now(), { step: 2, from: 0, text: "overtakes" });
  piece(1, 101, "late");
  assert.equal(now()?.step, 2);
  add(answered(2));
  piece(2, 9, "late");
  assert.equal(now(), null);
  piece(3, 0, "half");
  add({ type: "run.interrupted", detail: "its worker was stopped" });
  assert.equal(now(), null);
  add({ type: "run.started", worker: "w" }, 2);
  piece(3, 4, "of the lost run", 1);
  assert.equal(now(), null);
});

test("a model that nobody named is the usual one, until somebody names another", () => {
  const { view, add } = log();
  add({ ...created, type: "task.created", modelIsUsual: true } as EventBody);
  add({ type: "turn.started", turn: 1, prompt: "please", by: "Ada" });
  add({ type: "turn.started", turn: 2, prompt: "more", by: "Ada", model: "script" });
  assert.equal(view.modelIsUsual, true);
  add({ type: "turn.started", turn: 3, prompt: "more", by: "Ada", model: "other" });
  assert.equal(view.modelIsUsual, false);
});
