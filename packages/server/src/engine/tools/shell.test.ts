import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { EngineEvent } from "@farhand/protocol";
import { type Sandbox, SandboxLost } from "../../sandbox/sandbox.ts";
import { type TestDriver, testDriver } from "../../sandbox/testing.ts";
import { loopEngine } from "../loop.ts";
import { eventsOf, memoryOutput, only, room, type ScriptedPart, scripted } from "../testing.ts";

const WORKSPACE = "/workspace";

let sandboxes: TestDriver;
let sandbox: Sandbox;
const newSandbox = () => sandboxes.driver.create(sandboxes.spec(), AbortSignal.timeout(30_000));
before(async () => {
  sandboxes = await testDriver();
  sandbox = await newSandbox();
});
after(() => sandboxes[Symbol.asyncDispose]());
const shell = (command: string, timeout_seconds?: number): ScriptedPart => ({
  tool: "shell",
  input: timeout_seconds === undefined ? { command } : { command, timeout_seconds },
});

async function run(prompt: string, model: "script" | ReturnType<typeof scripted>, parts = memoryOutput()) {
  const engine = typeof model === "string" ? loopEngine() : loopEngine(() => model);
  const input = {
    conversation: [{ role: "user", text: prompt } as const],
    stepsBefore: 0,
    model: "script",
    workspace: WORKSPACE,
    ...room(20),
  };
  const events = await Array.fromAsync(eventsOf(engine.run(input, sandbox, parts, AbortSignal.timeout(60_000))));
  assert.equal(parts.open.size, 0, "every output is closed");
  return { events, outputs: parts.outputs, finished: only(events, "tool.finished"), shown: shownBy(events) };
}

const shownBy = (events: readonly EngineEvent[]) =>
  only(events, "tool.output")
    .map(({ text }) => text)
    .join("");

test("script: the blocks run one after another in the same tree", async () => {
  const { events, shown, finished } = await run("Count:\n```sh\npwd; echo one > f\n```\n```bash\ncat f; rm f; [[ x == x ]]\n```", "script");
  assert.equal(shown, `${WORKSPACE}\none\n`);
  assert.deepEqual(
    finished.map(({ exit, isError, output }) => [exit, isError, output?.bytes]),
    [
      [{ kind: "exited", code: 0 }, false, WORKSPACE.length + 1],
      [{ kind: "exited", code: 0 }, false, 4],
    ],
  );
  assert.equal(only(events, "message").at(-1)?.text, "Ran 2 blocks; all passed.");
  assert.deepEqual(events.at(-1), { type: "engine.stopped", reason: "done", detail: "", steps: 3 });
});

test("script: the first failing block is the last", async () => {
  const { events, shown } = await run("```sh\necho a\n```\n```sh\necho b >&2; exit 7\n```\n```sh\necho c\n```", "script");
  assert.equal(shown, "a\nb\n");
  assert.deepEqual(
    only(events, "tool.output").map(({ stream }) => stream),
    ["stdout", "stderr"],
  );
  assert.deepEqual(events.at(-1), { type: "engine.stopped", reason: "gave-up", detail: "block 2 of 3 failed: exit 7", steps: 3 });
});

test("a killed shell and a command over its time are told in words", async () => {
  const { finished } = await run("x", scripted([shell("kill -9 $$"), shell("echo before; sleep 600", 5), shell("exit 300")], []));
  const [killed, late, wrapped] = finished;
  assert.deepEqual(
    [killed?.exit, late?.exit, wrapped?.exit],
    [{ kind: "signalled", signal: "SIGKILL" }, { kind: "timed-out" }, { kind: "exited", code: 44 }],
  );
  assert.match(killed?.result ?? "", /^Result after \d+\.\d s: ended by SIGKILL\n\(no output\)$/);
  assert.match(late?.result ?? "", /^Result after \d+\.\d s: timed out\nbefore\n$/);
});

test("every call begins in the working tree with a new shell and no input", async () => {
  const { finished } = await run("x", scripted([shell("cd /; X=1; cat"), shell('pwd; echo "[$X]"')], []));
  assert.equal(finished[1]?.result.split("\n").slice(1).join("\n"), `${WORKSPACE}\n[]\n`);
});

test("a script longer than an argument may be runs all the same", async () => {
  const { finished } = await run("x", scripted([shell(`cat; x='${"y".repeat(300_000)}'\necho "\${#x} 'quoted'"; exit 4`)], []));
  assert.deepEqual(finished[0]?.exit, { kind: "exited", code: 4 });
  assert.match(finished[0]?.result ?? "", /\n300000 'quoted'\n$/);
});

test("of 10 MB of output the store has all, the log both ends, the model less", async () => {
  const { finished, outputs, events, shown } = await run("x", scripted([shell("seq 1 1400000")], []));
  const [call] = finished;
  const whole = outputs.get("1.1")?.toString() ?? "";
  assert.ok(whole.startsWith("1\n2\n") && whole.endsWith("\n1400000\n") && whole.length > 10_000_000);
  assert.equal(call?.output?.bytes, whole.length);
  const dropped = only(events, "tool.output").reduce((sum, event) => sum + (event.dropped ?? 0), 0);
  assert.equal(Buffer.byteLength(shown) + dropped, whole.length);
  assert.ok(shown.startsWith("1\n2\n") && shown.endsWith("\n1400000\n") && shown.length < 200_000);
  assert.match(
    call?.result ?? "",
    /\n1\n2\n[\s\S]*\n\[\.\.\. \d+ bytes of output are left out here \.\.\.\]\n[\s\S]*\n1400000\n\n\[the whole output is in \/var\/tmp\/farhand-output\/1\.1\.log: search there\]$/,
  );
  const kept = await run("x", scripted([shell("tail -n 1 /var/tmp/farhand-output/1.1.log; wc -c < /var/tmp/farhand-output/1.1.log")], []));
  assert.equal(kept.shown, `1400000\n${whole.length}\n`);
  assert.ok((call?.result.length ?? 0) < 17_000);
});

test("bytes that are no text reach the store as they are and the log as text", async () => {
  const { outputs, shown } = await run("x", scripted([shell("printf 'a\\0\\377b'; printf '\\342\\202'; sleep 0.1; printf '\\254'")], []));
  assert.deepEqual([...(outputs.get("1.1") ?? [])], [0x61, 0, 0xff, 0x62, 0xe2, 0x82, 0xac]);
  assert.equal(shown, "a␀\ufffdb€");
});

test("a command that cannot be made of the arguments is refused", async () => {
  const { finished } = await run("x", scripted([shell("echo \0"), shell(""), shell("ls", 0)], []));
  assert.deepEqual(
    finished.map(({ isError, exit }) => [isError, exit]),
    [
      [true, null],
      [true, null],
      [true, null],
    ],
  );
});

test("an abort while a command runs rejects with its reason and ends the command", async () => {
  const stop = new AbortController();
  const parts = memoryOutput();
  const model = scripted([shell("echo $$; exec sleep 600")]);
  const seen: EngineEvent[] = [];
  const input = { conversation: [{ role: "user", text: "x" } as const], stepsBefore: 0, model: "m", workspace: WORKSPACE, ...room(3) };
  const reason = new Error("cancelled by ada");
  const reading = (async () => {
    for await (const event of eventsOf(loopEngine(() => model).run(input, sandbox, parts, stop.signal))) {
      seen.push(event);
      if (event.type === "tool.output") stop.abort(reason);
    }
  })();
  await assert.rejects(reading, (error) => error === reason);
  assert.equal(seen.at(-1)?.type, "tool.output");
  assert.equal(parts.open.size, 0);
  await waitUntilGone(Number.parseInt(shownBy(seen), 10));
});

test("a reader that leaves in the middle ends the command", async () => {
  const parts = memoryOutput();
  const model = scripted([shell("echo $$; exec sleep 600")]);
  const input = { conversation: [{ role: "user", text: "x" } as const], stepsBefore: 0, model: "m", workspace: WORKSPACE, ...room(3) };
  let pid = 0;
  for await (const event of eventsOf(loopEngine(() => model).run(input, sandbox, parts, new AbortController().signal))) {
    if (event.type !== "tool.output") continue;
    pid = Number.parseInt(event.text, 10);
    break;
  }
  assert.equal(parts.open.size, 0);
  await waitUntilGone(pid);
});

test("the model is told what network there is, and what the policy refused meanwhile", async () => {
  const asked = {
    method: "GET",
    host: "www.example.net",
    port: 80,
    decision: "refused",
    rule: "allowed domains",
    reason: "not allowed",
  } as const;
  const model = scripted([shell("echo tried")], [shell("true")], []);
  let calls = 0;
  const parts = { ...memoryOutput(), refusals: () => (calls++ === 0 ? Array.from({ length: 25 }, () => asked) : []) };
  const network = { kind: "allow", domains: ["example.org"], ports: [443] } as const;
  const input = {
    conversation: [{ role: "user", text: "x" } as const],
    stepsBefore: 0,
    model: "m",
    workspace: WORKSPACE,
    ...room(3),
    network,
  };
  const events = await Array.fromAsync(eventsOf(loopEngine(() => model).run(input, sandbox, parts, AbortSignal.timeout(60_000))));
  const [first, second] = only(events, "tool.finished");
  assert.match(
    first?.result ?? "",
    /^Result after .*\ntried\n\n\nMeanwhile the network policy refused .*\n- GET www\.example\.net:80: not allowed\n/,
  );
  assert.match(first?.result ?? "", /- and 5 more$/);
  assert.doesNotMatch(second?.result ?? "", /policy/);
  assert.match(model.requests[0]?.system ?? "", /ports 443.* to these domains and their subdomains: example\.org\./);
  const silent = scripted([]);
  const none = { ...input, network: { kind: "none" } as const };
  await Array.fromAsync(loopEngine(() => silent).run(none, sandbox, memoryOutput(), AbortSignal.timeout(60_000)));
  assert.match(silent.requests[0]?.system ?? "", /You have no network\./);
});

test("a sandbox that is lost while a command runs rejects, and closes the output", async () => {
  await using doomed = await newSandbox();
  const parts = memoryOutput();
  const input = { conversation: [{ role: "user", text: "x" } as const], stepsBefore: 0, model: "m", workspace: WORKSPACE, ...room(3) };
  const reading = (async () => {
    const engine = loopEngine(() => scripted([shell("echo up; sleep 600")]));
    for await (const event of eventsOf(engine.run(input, doomed, parts, new AbortController().signal))) {
      if (event.type === "tool.output") void doomed[Symbol.asyncDispose]();
    }
  })();
  await assert.rejects(reading, SandboxLost);
  assert.equal(parts.open.size, 0);
});

/** Seen from within the same sandbox. */
async function waitUntilGone(pid: number): Promise<void> {
  const { finished } = await run("x", scripted([shell(`while kill -0 ${pid} 2>/dev/null; do sleep 0.02; done`, 20)], []));
  assert.deepEqual(finished[0]?.exit, { kind: "exited", code: 0 });
}
