import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { describe, test } from "node:test";
import { SandboxLost } from "../sandbox.ts";
import { openChannel } from "./channel.ts";
import { FRAME, frame, frameReader, MAX_PAYLOAD, u32, WINDOW } from "./frames.ts";

const NOTHING = new Uint8Array();

/** The worker's end, and what a hostile agent can say to it. */
function worker() {
  const from = new PassThrough();
  const to = new PassThrough();
  const sent: { type: number; id: number; payload: Buffer }[] = [];
  const read = frameReader((type, id, payload) => sent.push({ type, id, payload: Buffer.from(payload) }));
  to.on("data", (bytes: Buffer) => {
    for (let at = 0; at < bytes.length; at += 1000) read(bytes.subarray(at, at + 1000));
  });
  const broken = Promise.withResolvers<SandboxLost>();
  const channel = openChannel(
    from,
    to,
    () => {},
    (reason) => {
      channel.lose(reason);
      broken.resolve(reason);
    },
  );
  const exec = (stdin?: Uint8Array) =>
    channel.exec({ argv: ["x"], cwd: "/", timeoutMs: 60_000, ...(stdin && { stdin }) }, {}, new AbortController().signal);
  return {
    from,
    sent,
    channel,
    broken: broken.promise,
    exec,
    say: (type: number, id: number, payload: Uint8Array) => from.write(frame(type, id, payload)),
  };
}

describe("a hostile agent", () => {
  const attacks: Record<string, (agent: ReturnType<typeof worker>) => void> = {
    "a command that does not exist": ({ say }) => say(FRAME.stdout, 9, Buffer.from("x")),
    "a second greeting": ({ say }) => say(FRAME.hello, 0, NOTHING),
    "an unknown kind of frame": ({ say }) => say(99, 1, NOTHING),
    "a frame of 4 GiB": ({ from }) => void from.write(u32(0xffffffff)),
    "a frame of no length": ({ from }) => void from.write(u32(0)),
    "a payload over the limit": ({ from }) => void from.write(u32(MAX_PAYLOAD + 6)),
    "more output than was granted": ({ say }) => {
      for (let sent = 0; sent <= WINDOW; sent += MAX_PAYLOAD) say(FRAME.stdout, 1, Buffer.alloc(MAX_PAYLOAD));
    },
    "endless empty output": ({ say }) => say(FRAME.stdout, 1, NOTHING),
    "an end before the exit": ({ say }) => say(FRAME.done, 1, NOTHING),
    "two exits": ({ say }) => {
      say(FRAME.exited, 1, Buffer.from([0, 0]));
      say(FRAME.exited, 1, Buffer.from([0, 1]));
    },
    "an exit by a signal that does not exist": ({ say }) => say(FRAME.exited, 1, Buffer.from([1, 200])),
    "an exit of another shape": ({ say }) => say(FRAME.exited, 1, Buffer.from("{}{}")),
    "room for more input than there was": ({ say }) => say(FRAME.stdinCredit, 1, u32(1)),
    "output after the end": ({ say }) => {
      say(FRAME.exited, 1, Buffer.from([0, 0]));
      say(FRAME.done, 1, NOTHING);
      say(FRAME.stdout, 1, Buffer.from("x"));
    },
  };
  for (const [what, attack] of Object.entries(attacks)) {
    test(`${what}: the sandbox is lost, and nothing more is believed`, async () => {
      const agent = worker();
      const first = agent.exec(new Uint8Array());
      const second = agent.exec();
      agent.say(FRAME.hello, 0, NOTHING);
      attack(agent);
      const reason = await agent.broken;
      assert.match(reason.message, /broke its protocol/);
      await assert.rejects(second.exit, reason);
      await assert.rejects(agent.exec().exit, reason);
      agent.say(FRAME.exited, 2, Buffer.from([0, 0]));
      await assert.rejects(second.exit, reason);
      first.exit.catch(() => {});
    });
  }
});

test("an agent that has not greeted is believed nothing", async () => {
  const agent = worker();
  const { exit } = agent.exec();
  agent.say(FRAME.exited, 1, Buffer.from([0, 0]));
  await assert.rejects(exit, await agent.broken);
});

test("frames cut anywhere are put together again", () => {
  const all = Buffer.concat([frame(1, 7, Buffer.from("one")), frame(2, 8, NOTHING), frame(3, 0xffffffff, Buffer.alloc(MAX_PAYLOAD, "x"))]);
  for (const size of [1, 2, 3, 7, 4096, all.length]) {
    const got: [number, number, number][] = [];
    const read = frameReader((type, id, payload) => got.push([type, id, payload.length]));
    for (let at = 0; at < all.length; at += size) read(all.subarray(at, at + size));
    assert.deepEqual(got, [
      [1, 7, 3],
      [2, 8, 0],
      [3, 0xffffffff, MAX_PAYLOAD],
    ]);
  }
});

test("output is held back until it is read, and room is given for what was", async () => {
  const { say, exec, sent } = worker();
  say(FRAME.hello, 0, NOTHING);
  const execution = exec();
  for (let at = 0; at < WINDOW; at += MAX_PAYLOAD) say(FRAME.stderr, 1, Buffer.alloc(MAX_PAYLOAD));
  const reader = execution.output[Symbol.asyncIterator]();
  const granted = () => sent.filter((each) => each.type === FRAME.credit).reduce((sum, each) => sum + each.payload.readUInt32LE(0), 0);
  await reader.next();
  assert.equal(granted(), 0);
  for (let reads = 0; reads < 3; reads++) await reader.next();
  say(FRAME.exited, 1, Buffer.from([0, 3]));
  say(FRAME.done, 1, NOTHING);
  assert.deepEqual(await reader.next(), { done: true, value: undefined });
  assert.ok(granted() >= WINDOW / 2 && granted() <= WINDOW);
  assert.deepEqual(await execution.exit, { kind: "exited", code: 3 });
});

test("a reader that leaves early still learns the exit", async () => {
  const { say, exec } = worker();
  say(FRAME.hello, 0, NOTHING);
  const execution = exec();
  say(FRAME.stdout, 1, Buffer.from("a"));
  say(FRAME.stdout, 1, Buffer.from("b"));
  for await (const _ of execution.output) break;
  say(FRAME.exited, 1, Buffer.from([1, 15]));
  say(FRAME.done, 1, NOTHING);
  assert.deepEqual(await execution.exit, { kind: "signalled", signal: "SIGTERM" });
});

test("output that came before the loss can be read; then the loss is told", async () => {
  const { say, exec, channel } = worker();
  say(FRAME.hello, 0, NOTHING);
  const execution = exec();
  say(FRAME.stdout, 1, Buffer.from("last words"));
  const reader = execution.output[Symbol.asyncIterator]();
  assert.equal(Buffer.from((await reader.next()).value?.bytes ?? []).toString(), "last words");
  const reason = new SandboxLost("gone");
  channel.lose(reason);
  await assert.rejects(reader.next(), reason);
  await assert.rejects(execution.exit, reason);
});

test("a generator that fails ends its command and is the reason of the exit", async () => {
  const { say, channel, sent } = worker();
  say(FRAME.hello, 0, NOTHING);
  async function* failing(): AsyncGenerator<Uint8Array> {
    yield Buffer.from("x");
    throw new Error("the disk of the worker is broken");
  }
  const execution = channel.exec({ argv: ["x"], cwd: "/", timeoutMs: 60_000, stdin: failing() }, {}, new AbortController().signal);
  while (!sent.some((each) => each.type === FRAME.signal)) await new Promise((resolve) => setImmediate(resolve));
  say(FRAME.exited, 1, Buffer.from([1, 9]));
  say(FRAME.done, 1, NOTHING);
  await assert.rejects(execution.exit, /disk of the worker/);
});
