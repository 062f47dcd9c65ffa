import assert from "node:assert/strict";
import { test } from "node:test";
import type { OutputChunk } from "../../sandbox/sandbox.ts";
import { LOG_LIMITS, type OutputLimits, shownOutput } from "./output.ts";
import type { ToolOutput } from "./tool.ts";

type Written = readonly [OutputChunk["stream"], string | Uint8Array];

async function* written(chunks: Iterable<Written>): AsyncGenerator<OutputChunk> {
  for (const [stream, data] of chunks) yield { stream, bytes: typeof data === "string" ? Buffer.from(data) : data };
}

async function shown(chunks: Iterable<Written>, limits: Partial<OutputLimits> = {}) {
  const kept: Uint8Array[] = [];
  let said = "";
  const keep = async (bytes: Uint8Array) => void kept.push(bytes);
  const output = shownOutput(written(chunks), keep, (text) => (said += text), { ...LOG_LIMITS, gatherMs: 60_000, ...limits });
  const log: ToolOutput[] = await Array.fromAsync(output);
  return { log, said, kept: Buffer.concat(kept) };
}

const bytes = (...values: number[]) => Uint8Array.from(values);
const textOf = (log: readonly ToolOutput[]) => log.map(({ text }) => text).join("");

test("what comes together is shown together, the streams apart and in order", async () => {
  const { log, said } = await shown([
    ["stdout", "a"],
    ["stdout", "b"],
    ["stderr", "c"],
    ["stdout", "d"],
  ]);
  assert.deepEqual(log, [
    { stream: "stdout", text: "ab" },
    { stream: "stderr", text: "c" },
    { stream: "stdout", text: "d" },
  ]);
  assert.equal(said, "abcd");
});

test("a character split over chunks is one, also when the other stream comes between", async () => {
  const euro = Buffer.from("€");
  const { log } = await shown([
    ["stdout", euro.subarray(0, 1)],
    ["stderr", "!"],
    ["stdout", euro.subarray(1, 2)],
    ["stdout", euro.subarray(2)],
  ]);
  assert.deepEqual(log, [
    { stream: "stderr", text: "!" },
    { stream: "stdout", text: "€" },
  ]);
});

test("invalid UTF-8, a character that never ends, and NUL become signs; the kept bytes are as they were", async () => {
  const all = bytes(0x61, 0xff, 0, 0xc3, 0x28, 0xe2, 0x82);
  const { log, kept } = await shown([
    ["stdout", all.subarray(0, 4)],
    ["stdout", all.subarray(4)],
  ]);
  assert.equal(textOf(log), "a\ufffd␀\ufffd(\ufffd");
  assert.deepEqual([...kept], [...all]);
});

test("of much output the log has head and tail and says how much is missing", async () => {
  const line = `${"0123456789".repeat(6)}abc\n`;
  const whole = line.repeat(163_840);
  const chunks = Array.from({ length: 160 }, (_, index): Written => ["stdout", whole.slice(index * 65_536, (index + 1) * 65_536)]);
  const { log, kept, said } = await shown(chunks);
  assert.equal(whole.length, 10 * 1024 * 1024);
  assert.ok(kept.equals(Buffer.from(whole)) && said === whole);
  const cut = log.findIndex(({ dropped }) => dropped !== undefined);
  assert.equal(textOf(log.slice(0, cut)), whole.slice(0, LOG_LIMITS.headChars));
  assert.equal(textOf(log.slice(cut)), whole.slice(-LOG_LIMITS.tailChars));
  assert.deepEqual(log[cut]?.dropped, whole.length - LOG_LIMITS.headChars - LOG_LIMITS.tailChars);
  assert.ok(log.length < 40, `${log.length} chunks`);
});

test("what just fits is shown whole, with nothing called missing", async () => {
  const { log } = await shown(
    [
      ["stdout", "x".repeat(10)],
      ["stderr", "y".repeat(5)],
    ],
    { headChars: 10, tailChars: 5 },
  );
  assert.deepEqual(log, [
    { stream: "stdout", text: "x".repeat(10) },
    { stream: "stderr", text: "y".repeat(5) },
  ]);
  const over = await shown(
    [
      ["stdout", "x".repeat(10)],
      ["stderr", "yyéyyy"],
    ],
    { headChars: 10, tailChars: 3 },
  );
  assert.deepEqual(over.log[1], { stream: "stderr", text: "yyy", dropped: 4 });
});

test("no cut halves a character outside the basic plane", async () => {
  const { log } = await shown([["stdout", "😀".repeat(20)]], { headChars: 5, tailChars: 5 });
  assert.deepEqual(log, [
    { stream: "stdout", text: "😀😀" },
    { stream: "stdout", text: "😀😀😀", dropped: 15 * 4 },
  ]);
});

test("streams that alternate at every byte make few chunks", async () => {
  const chunks = Array.from({ length: 20_000 }, (_, index): Written => (index % 2 === 0 ? ["stdout", "o"] : ["stderr", "e"]));
  const { log } = await shown(chunks);
  assert.ok(log.length <= 60, `${log.length} chunks`);
  assert.equal(textOf(log.filter(({ stream }) => stream === "stderr")), "e".repeat(10_000));
});

test("output is shown while the command still runs", async () => {
  const { promise: forever } = Promise.withResolvers<never>();
  async function* neverEnding(): AsyncGenerator<OutputChunk> {
    yield { stream: "stdout", bytes: Buffer.from("listening\n") };
    await forever;
  }
  const output = shownOutput(
    neverEnding(),
    async () => {},
    () => {},
  );
  assert.deepEqual((await output.next()).value, { stream: "stdout", text: "listening\n" });
});

test("an output that breaks throws what broke it, also after the reader has left", async () => {
  async function* broken(): AsyncGenerator<OutputChunk> {
    yield { stream: "stdout", bytes: Buffer.from("x") };
    throw new Error("gone");
  }
  await assert.rejects(
    Array.fromAsync(
      shownOutput(
        broken(),
        async () => {},
        () => {},
      ),
    ),
    /gone/,
  );
  for await (const _ of shownOutput(
    broken(),
    async () => {},
    () => {},
    { ...LOG_LIMITS, gatherChars: 1 },
  ))
    break;
});
