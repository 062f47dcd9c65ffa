import assert from "node:assert/strict";
import { Writable } from "node:stream";
import { test } from "node:test";
import type { EventBody, TaskEvent } from "@farhand/protocol";
import { fit } from "./progress-line.ts";
import { openScreen } from "./screen.ts";
import { transcriptPrinter } from "./transcript-printer.ts";

/** A terminal that keeps what was written to it. */
function terminal() {
  let written = "";
  const stream = Object.assign(
    new Writable({
      write(piece, _, done) {
        written += piece;
        done();
      },
    }),
    { isTTY: true, columns: 60 },
  );
  return { screen: openScreen(stream, stream, {}, undefined), written: () => written };
}

async function show(bodies: EventBody[], attempts = 1) {
  const { screen, written } = terminal();
  const printer = transcriptPrinter(screen, { prompt: true });
  let seq = 0;
  const take = (body: EventBody, attempt: number | null = 1) => {
    const event: TaskEvent = {
      task: "t",
      seq: ++seq,
      at: new Date().toISOString(),
      turn: attempt === null ? null : 1,
      attempt,
      run: 1,
      body,
    };
    return printer.take(event);
  };
  await take(
    { type: "task.created", title: "T", mode: "code", model: "m", environment: "e", environmentVersion: 1, attempts, by: "Ada" },
    null,
  );
  for (const body of bodies) await take(body);
  return {
    printer,
    take,
    written,
    lines: () =>
      written()
        .replaceAll(/\r\x1b\[K[^\n]*?(?=\r|$)/g, "")
        .replaceAll("\r\x1b[K", ""),
  };
}

const shell = (call: string): EventBody => ({ type: "tool.started", step: 1, call, tool: "shell", input: { command: "x" } });
const output = (call: string, text: string, stream: "stdout" | "stderr" = "stdout"): EventBody => ({
  type: "tool.output",
  call,
  stream,
  text,
});

test("in a terminal the last line tells what goes on, and is taken away before anything else is written", async () => {
  const { printer, written } = await show([
    { type: "run.started", worker: "w" },
    { type: "phase.started", phase: "checkout", limitMs: 1 },
    { type: "phase.progress", phase: "checkout", text: "40%" },
    { type: "message", step: 1, text: "hello" },
  ]);
  assert.match(written(), /checkout · 0\.0 s · 40%\S*$/);
  printer.connection({ state: "lost", detail: "gone\x1b[2J", retryMs: 1 });
  await printer.take({
    task: "t",
    seq: 99,
    at: new Date().toISOString(),
    turn: 1,
    attempt: 1,
    run: 1,
    body: { type: "run.interrupted", detail: "x" },
  });
  assert.match(written(), /connection lost, trying again: gone\^\[\[2J\S*$/);
  printer.end();
  assert.ok(written().endsWith("\r\x1b[K"));
  const before = written();
  printer.end();
  assert.equal(written(), before);
});

test("colours of the output reach neither the indentation nor what follows", async () => {
  const { printer, lines } = await show([shell("1"), output("1", "\x1b[41mred\nstill"), output("1", " red\nplain\x1b[0m\n")]);
  printer.end();
  assert.match(lines(), / {2}\x1b\[41mred\x1b\[0m\n {2}\x1b\[41mstill red\x1b\[0m\n {2}\x1b\[41mplain\x1b\[0m\n/);
});

test("a line is shown when it is complete, at the latest with the end of its command", async () => {
  const { take, printer, lines } = await show([shell("1"), output("1", "working...")]);
  assert.ok(!lines().includes("working"));
  await take(output("1", "warning\n", "stderr"));
  await take({
    type: "tool.finished",
    call: "1",
    isError: false,
    result: "",
    exit: { kind: "exited", code: 3 },
    durationMs: 65_000,
    output: null,
  });
  printer.end();
  assert.match(lines(), / {2}working\.\.\.\n {2}warning\n {2}\x1b\[31m✖ exit 3\x1b\[39m\x1b\[2m · 1 min 5 s/);
});

test("several attempts are told apart", async () => {
  const { take, printer, lines } = await show([], 2);
  await take({ type: "message", step: 1, text: "one" }, 1);
  await take({ type: "message", step: 1, text: "two" }, 2);
  printer.end();
  assert.match(lines(), /\[1\] \S*one\n/);
  assert.match(lines(), /\[2\] \S*two\n/);
});

test("a line that never ends is shown in pieces, and not kept", async () => {
  const { printer, lines } = await show([shell("1"), ...Array.from({ length: 10 }, () => output("1", "x".repeat(4000)))]);
  printer.end();
  assert.ok(
    lines()
      .split("\n")
      .filter((line) => line.startsWith("  xxxx")).length >= 2,
  );
});

test("the moving line never wraps", () => {
  assert.equal(fit("short", 20), "short");
  assert.equal(fit("a long line of words", 10), "a long li…");
  assert.equal(fit("日本語日本語", 7), "日本語…");
});

test("what is read, edited and planned takes a line, and ends without a word unless it failed", async () => {
  const call = (id: string, tool: string, input: Extract<EventBody, { type: "tool.started" }>["input"], error = ""): EventBody[] => [
    { type: "tool.started", step: 1, call: id, tool, input },
    { type: "tool.finished", call: id, isError: error !== "", result: error, exit: null, durationMs: 5, output: null },
  ];
  const { lines } = await show([
    ...call("1", "read_file", { path: "a\x1b[2J.ts", first_line: 3 }),
    ...call("2", "edit", { path: "a.ts", old_text: "  x = 1\n", new_text: "  x = 2\n" }),
    ...call("3", "update_plan", {
      steps: [
        { step: "Look", status: "completed" },
        { step: "Mend", status: "pending" },
      ],
    }),
    ...call("4", "search", { pattern: "(" }, "unclosed group"),
    ...call("5", "shell", { command: "npm start", background_after: 1 }),
  ]);
  const text = lines().replace(/\x1b\[[0-9;]*m/g, "");
  assert.match(
    text,
    /• read a\^\[\[2J\.ts from line 3\n± edit a\.ts \+1 -1\n {2}- {2}x = 1\n {2}\+ {2}x = 2\nplan\n {2}✔ Look\n {2}· Mend\n/,
  );
  assert.match(text, /• search \(\n {2}✖ failed: unclosed group · 5 ms\n\$ npm start\n {2}goes on in the background\n/);
});

test("of calls side by side, the one that failed is named, and a question that was answered ends without a word", async () => {
  const started = (call: string, tool: string, input: Record<string, string>): EventBody => ({
    type: "tool.started",
    step: 1,
    call,
    tool,
    input,
  });
  const ended = (call: string, error = ""): EventBody => ({
    type: "tool.finished",
    call,
    isError: error !== "",
    result: error,
    exit: null,
    durationMs: 5,
    output: null,
  });
  const { lines } = await show([
    started("1", "read_file", { path: "a.ts" }),
    started("2", "search", { pattern: "x" }),
    ended("1", "there is no file a.ts"),
    ended("2"),
    started("3", "ask_user", { question: "Blue?" }),
    { type: "run.started", worker: "w" },
    ended("3"),
  ]);
  const text = lines().replace(/\x1b\[[0-9;]*m/g, "");
  assert.match(text, /• read a\.ts\n• search x\n {2}✖ read a\.ts: failed: there is no file a\.ts · 5 ms\n$/);
});

test("what came before is not shown again, and a command that it left open ends with its own mark", async () => {
  const { screen, written } = terminal();
  const printer = transcriptPrinter(screen, { prompt: true, after: 2 });
  const bodies: EventBody[] = [
    { type: "message", step: 1, text: "old" },
    { type: "tool.started", step: 1, call: "1", tool: "shell", input: { command: "make" } },
    output("1", "new\n"),
    { type: "tool.finished", call: "1", isError: false, result: "", exit: null, durationMs: 5, output: null },
  ];
  for (const [index, body] of bodies.entries())
    await printer.take({ task: "t", seq: index + 1, at: new Date().toISOString(), turn: 1, attempt: 1, run: 1, body });
  printer.end();
  const text = written().replace(/\x1b\[[0-9;]*m/g, "");
  assert.ok(!text.includes("old") && !text.includes("make"));
  assert.match(text, / {2}new\n[^\n]* {2}goes on in the background/);
});
