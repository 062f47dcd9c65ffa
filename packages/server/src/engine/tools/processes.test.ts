import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { processTool } from "./process.ts";
import { shellTool } from "./shell.ts";
import { type Bench, toolBench } from "./testing.ts";

let bench: Bench;
before(async () => {
  bench = await toolBench();
});
after(() => bench[Symbol.asyncDispose]());

/** Starts a command in the background and returns its number. */
async function start(command: string, background_after = 0): Promise<number> {
  const { text, exit, isError } = await bench.call(shellTool, { command, background_after });
  assert.deepEqual([isError, exit], [false, null], text);
  return Number(/as process (\d+)/.exec(text)?.[1]);
}

test("a program is asked, answered, and ends when its input is closed", async () => {
  const id = await start('printf "name? "; read name; echo "hello $name"; cat; echo end; exit 3');
  const asked = await bench.answer(processTool, { id, wait_seconds: 1 });
  assert.match(
    asked,
    new RegExp(`^Process ${id} runs, [0-9.]+ s by now\\. New output:\n(name\\? |\\(no output\\))\n\\[all of its output goes to`),
  );
  let heard = await bench.answer(processTool, { id, input: "ada\n", wait_seconds: 1 });
  for (let tries = 0; tries < 60 && !heard.includes("hello ada\n"); tries++)
    heard += await bench.answer(processTool, { id, wait_seconds: 1 });
  assert.match(heard, /hello ada\n/);
  const ended = await bench.call(processTool, { id, input: "more\n", close_input: true, wait_seconds: 60 });
  assert.match(ended.text, new RegExp(`^Process ${id} has ended: exit 3\nmore\nend\n`));
  assert.deepEqual(ended.exit, { kind: "exited", code: 3 });
  assert.match(await bench.failure(processTool, { id }), new RegExp(`^there is no process ${id}`));
});

test("a command that ends in time is told as any other", async () => {
  const { text, exit } = await bench.call(shellTool, { command: "echo quick", background_after: 60 });
  assert.match(text, /^Result after [0-9.]+ s: exit 0\nquick\n/);
  assert.deepEqual(exit, { kind: "exited", code: 0 });
});

test("a server goes on between calls, writes more than anybody reads, and is stopped by a signal", async () => {
  const id = await start(
    'trap "echo bye; exit 0" TERM; seq -f "%.0f is a line of a log" 200000; touch written; while :; do sleep 0.05; done',
  );
  await bench.sh("until [ -e written ]; do sleep 0.02; done; rm written");
  const { text } = await bench.call(processTool, { id, wait_seconds: 0 });
  assert.match(text, /\[\d+ bytes before this were not looked at in time\]/);
  assert.ok(text.length < 20_000);
  const ended = await bench.answer(processTool, { id, signal: "SIGTERM", wait_seconds: 60 });
  assert.match(ended, /has ended: exit 0\n(.*\n)*bye\n\n\[the whole output is in (\S+): search there\]$/);
  const file = /is in (\S+):/.exec(ended)?.[1];
  assert.equal(await bench.sh(`grep -c 'is a line of a log' ${file}; tail -n 1 ${file}`), "200000\nbye\n");
});

test("no more than eight at once, and one that was killed makes room", async () => {
  const ids: number[] = [];
  for (let at = 0; at < 8; at++) ids.push(await start("sleep 600"));
  assert.match(await bench.failure(shellTool, { command: "sleep 600", background_after: 0 }), /8 processes run already .*stop one/);
  const [first] = ids;
  const killed = await bench.call(processTool, { id: first ?? 0, signal: "SIGKILL", wait_seconds: 60 });
  assert.deepEqual(killed.exit, { kind: "signalled", signal: "SIGKILL" });
  await start("sleep 600");
  await bench.processes[Symbol.asyncDispose]();
  assert.equal(await bench.sh("ps -e -o args= 2> /dev/null | grep -c '^sleep 600' || true"), "0\n", "disposal ends them all");
});

test("what cannot be written to or is not there is said", async () => {
  const id = await start("exec < /dev/null; sleep 600");
  await bench.answer(processTool, { id, close_input: true, wait_seconds: 0 });
  assert.match(await bench.failure(processTool, { id, input: "x" }), /input of process \d+ is closed/);
  assert.match(await bench.failure(processTool, { id: 99 }), /there is no process 99; there is: /);
  await bench.answer(processTool, { id, signal: "SIGINT", wait_seconds: 60 });
});
