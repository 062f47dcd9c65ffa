import assert from "node:assert/strict";
import { test } from "node:test";
import type { EngineEvent, Usage } from "@farhand/protocol";
import { z } from "zod";
import { SandboxLost } from "../sandbox/sandbox.ts";
import type { EngineInput, Progress } from "./engine.ts";
import { loopEngine } from "./loop.ts";
import { eventsOf, memoryOutput, NO_SANDBOX, only, room, type ScriptedPart, scripted } from "./testing.ts";
import type { Tool } from "./tools/tool.ts";

/** Answers with its arguments, and fails as it is told. */
const echo: Tool<{ say: string; fail?: string | undefined }> = {
  name: "echo",
  description: "Says it again.",
  input: z.strictObject({ say: z.string(), fail: z.string().optional() }),
  readsOnly: false,
  async *run({ say, fail }, { storeOutput, call }) {
    const sink = storeOutput(call);
    yield { stream: "stdout", text: say };
    await sink.write(Buffer.from(say));
    if (fail === "lost") throw new SandboxLost("out of memory");
    if (fail) throw new Error(fail);
    return { text: `You said ${say}.`, isError: false, exit: { kind: "exited", code: 0 }, output: await sink.close() };
  },
};

async function run(replies: ScriptedPart[][], { maxSteps = 10, signal = new AbortController().signal, parts = memoryOutput() } = {}) {
  const model = scripted(...replies);
  const engine = loopEngine(() => model, [echo]);
  const input = {
    conversation: [{ role: "user", text: "Do it." } as const],
    stepsBefore: 0,
    model: "test",
    workspace: "/workspace/shop",
    ...room(maxSteps),
  };
  const events: EngineEvent[] = [];
  const failure = await (async () => {
    for await (const event of eventsOf(engine.run(input, NO_SANDBOX, parts, signal))) events.push(event);
  })().then(
    () => null,
    (error: unknown) => error,
  );
  return { events, failure, model, types: events.map(({ type }) => type) };
}

test("goes on where a run was cut off: the calls without a result were cut off, and the steps are counted on", async () => {
  const call = (id: string) => ({ id, name: "echo", input: { say: id } });
  const result = { role: "tool", call: "a", tool: "echo", text: "You said a.", isError: false, exit: null } as const;
  const model = scripted(["Done."]);
  const conversation = [{ role: "user", text: "Do it." }, { role: "assistant", text: "", calls: [call("a"), call("b")] }, result] as const;
  const input = { conversation, stepsBefore: 4, machineIsNew: true, model: "test", workspace: "/workspace/shop", ...room(10) };
  const reports: Progress[] = [];
  for await (const report of loopEngine(() => model, [echo]).run(input, NO_SANDBOX, memoryOutput(), new AbortController().signal))
    reports.push(report);
  const [request] = model.requests;
  const news = request?.messages.at(-1);
  assert.ok(news?.role === "user" && /machine was replaced/.test(news.text) && news.note);
  const cutOff = request?.messages.at(-2);
  assert.ok(cutOff?.role === "tool" && cutOff.call === "b" && cutOff.isError && cutOff.isCutOff);
  assert.deepEqual(reports[0], { events: [{ type: "step.started", step: 5, model: "test" }], said: [news] });
  assert.deepEqual(
    reports[1]?.events.map(({ type }) => type),
    ["message", "step.answered", "engine.stopped"],
    "a reply that ends the work and the end are kept together",
  );

  const later = scripted(["Done."]);
  const nextTurn = { ...input, conversation: [...conversation, { role: "user", text: "And now?" }] as const };
  for await (const _ of loopEngine(() => later, [echo]).run(nextTurn, NO_SANDBOX, memoryOutput(), new AbortController().signal));
  const ended = later.requests[0]?.messages[3];
  assert.ok(ended?.role === "tool" && ended.call === "b" && /the work was ended while this ran/.test(ended.text));

  const kept = scripted(["Done."]);
  const stands = { ...input, conversation: conversation.slice(0, 1), machineIsNew: false, machineStands: true };
  for await (const _ of loopEngine(() => kept, [echo]).run(stands, NO_SANDBOX, memoryOutput(), new AbortController().signal));
  const told = kept.requests[0]?.messages.at(-1);
  assert.ok(told?.role === "user" && /machine is the one that you left/.test(told.text) && told.note);
});

const untimed = (events: readonly EngineEvent[]) => events.map((event) => ("durationMs" in event ? { ...event, durationMs: 0 } : event));
const results = (events: readonly EngineEvent[]) => only(events, "tool.finished").map(({ isError, result }) => [isError, result]);
const complete = { ending: { kind: "complete" } } as const;

test("asks, runs each call in turn, tells the results, and stops when no tool is called", async () => {
  const usage: Usage = { inputTokens: 7, cachedTokens: 5, outputTokens: 3, reasoningTokens: null, costUsd: 0.01 };
  const { events, failure, model } = await run([
    ["I say ", "two.", { tool: "echo", input: { say: "one" } }, { tool: "echo", input: { say: "two" } }, { ...complete, usage }],
    ["Done."],
  ]);
  const none = { inputTokens: null, cachedTokens: null, outputTokens: null, reasoningTokens: null, costUsd: null };
  const exit = { kind: "exited", code: 0 } as const;
  const call = (id: string, say: string): EngineEvent[] => [
    { type: "tool.started", step: 1, call: id, tool: "echo", input: { say } },
    { type: "tool.output", call: id, stream: "stdout", text: say },
    {
      type: "tool.finished",
      call: id,
      isError: false,
      result: `You said ${say}.`,
      exit,
      durationMs: 0,
      output: { blob: `output of ${id}`, bytes: 3, truncated: false },
    },
  ];
  assert.equal(failure, null);
  assert.deepEqual(untimed(events), [
    { type: "step.started", step: 1, model: "test" },
    { type: "message", step: 1, text: "I say two." },
    { type: "step.answered", step: 1, usage, durationMs: 0 },
    ...call("1.1", "one"),
    ...call("1.2", "two"),
    { type: "step.started", step: 2, model: "test" },
    { type: "message", step: 2, text: "Done." },
    { type: "step.answered", step: 2, usage: none, durationMs: 0 },
    { type: "engine.stopped", reason: "done", detail: "", steps: 2 },
  ]);
  const [, second] = model.requests;
  assert.deepEqual(
    second?.messages.map((message) => [message.role, message.role === "tool" ? [message.call, message.text] : message.text]),
    [
      ["user", "Do it."],
      ["assistant", "I say two."],
      ["tool", ["same", "You said one."]],
      ["tool", ["same", "You said two."]],
    ],
  );
  assert.ok(second?.system.includes("/workspace/shop"));
  const [tool] = second?.tools ?? [];
  assert.deepEqual([tool?.name, tool?.parameters.required], ["echo", ["say"]]);
});

test("an unknown tool, wrong arguments and a tool that throws are answers to the model, which goes on", async () => {
  const { events, types } = await run([
    [
      { tool: "browse", input: {} },
      { tool: "echo", input: { say: 5, shout: true } },
      { tool: "echo", input: '{"say": "hal' },
      { tool: "echo", input: { say: "x", fail: "it broke" } },
    ],
    ["Well."],
  ]);
  const [unknown, wrong, noJson, threw] = results(events);
  assert.deepEqual(unknown, [true, 'There is no tool "browse". Tools: echo.']);
  assert.match(String(wrong), /^true,Invalid arguments for echo: say: .*string.*; arguments: .*"shout"/);
  assert.match(String(noJson), /^true,The arguments of echo are no valid JSON object/);
  assert.deepEqual(threw, [true, "it broke"]);
  assert.equal(types.at(-1), "engine.stopped");
});

test("calls of a reply that was cut off are refused, not run", async () => {
  const { events } = await run([[{ tool: "echo", input: { say: "rm -r /tm" } }, { ending: { kind: "cut-off" } }], ["Shorter."]]);
  assert.equal(only(events, "tool.output").length, 0);
  assert.match(String(results(events)), /^true,Not run: your reply was cut off/);
});

for (const [name, reply, detail] of [
  ["fails at once", [new Error("no credit left")], "no credit left"],
  [
    "fails in the middle of its reply",
    ["I will", { tool: "echo", input: { say: "x" } }, new Error("connection reset")],
    "connection reset",
  ],
  ["is cut off while it speaks", ["Endless", { ending: { kind: "cut-off" } }], "the model's reply was cut off at its output limit"],
] as const satisfies [string, ScriptedPart[], string][]) {
  test(`a model that ${name} ends the work with the reason; nothing of that reply is run`, async () => {
    const { types, events, failure } = await run([[...reply]]);
    assert.equal(failure, null);
    assert.deepEqual(types, ["step.started", "step.answered", "engine.stopped"]);
    assert.deepEqual(events.at(-1), { type: "engine.stopped", reason: "model-failed", detail, steps: 1 });
  });
}

test("a stream that ends without its last part is a failure of the model", async () => {
  const engine = loopEngine(() => ({ facts: scripted().facts, async *respond() {} }), []);
  const input = { conversation: [{ role: "user", text: "x" } as const], stepsBefore: 0, model: "test", workspace: "/", ...room(1) };
  const events = await Array.fromAsync(eventsOf(engine.run(input, NO_SANDBOX, memoryOutput(), new AbortController().signal)));
  const detail = "the model's reply broke off in the middle";
  assert.deepEqual(events.at(-1), { type: "engine.stopped", reason: "model-failed", detail, steps: 1 });
});

test("an unknown model stops before the first step and names the known ones", async () => {
  const input = { conversation: [{ role: "user", text: "x" } as const], stepsBefore: 0, model: "gpt-9", workspace: "/", ...room(1) };
  const events = await Array.fromAsync(eventsOf(loopEngine().run(input, NO_SANDBOX, memoryOutput(), new AbortController().signal)));
  const detail = 'There is no model "gpt-9". The only model here: script.';
  assert.deepEqual(events, [{ type: "engine.stopped", reason: "model-failed", detail, steps: 0 }]);
});

test("the step limit ends a model that never stops, after the last step's calls", async () => {
  const again: ScriptedPart[] = [{ tool: "echo", input: { say: "again" } }];
  const { events } = await run([again, again, again], { maxSteps: 2 });
  assert.equal(only(events, "tool.finished").length, 2);
  assert.deepEqual(events.at(-1), {
    type: "engine.stopped",
    reason: "budget-reached",
    detail: "The limit of 2 steps is reached.",
    steps: 2,
    limit: { limit: "steps", used: 2, allowed: 2 },
  });
});

test("a model that gives up says why", async () => {
  const { events } = await run([["Stopped.", { ending: { kind: "gave-up", detail: "the tests fail" } }]]);
  assert.deepEqual(events.at(-1), { type: "engine.stopped", reason: "gave-up", detail: "the tests fail", steps: 1 });
});

test("an abort while the model thinks rejects with its reason", async () => {
  const stop = new AbortController();
  const reason = new Error("lease lost");
  const model = scripted(["Hm", "<wait>"]);
  const engine = loopEngine(() => model, []);
  const events: EngineEvent[] = [];
  const input = { conversation: [{ role: "user", text: "x" } as const], stepsBefore: 0, model: "test", workspace: "/", ...room(1) };
  const reading = (async () => {
    for await (const event of eventsOf(engine.run(input, NO_SANDBOX, memoryOutput(), stop.signal))) {
      events.push(event);
      setImmediate(() => stop.abort(reason));
    }
  })();
  await assert.rejects(reading, (error) => error === reason);
  assert.deepEqual(
    events.map(({ type }) => type),
    ["step.started"],
  );
});

test("a lost sandbox and a part that fails are told to the run, not to the model", async () => {
  const lost = await run([[{ tool: "echo", input: { say: "x", fail: "lost" } }]]);
  assert.ok(lost.failure instanceof SandboxLost);
  const full = new Error("the database is full");
  const broken = { ...memoryOutput(), storeOutput: () => ({ write: () => Promise.reject(full), close: async () => null }) };
  const failed = await run([[{ tool: "echo", input: { say: "x" } }]], { parts: broken });
  assert.equal(failed.failure, full);
  assert.equal(failed.types.includes("tool.finished"), false);
});

test("that setup failed is told once, and so that it does no longer", async () => {
  const how = "setup failed: exit 3\nno luck";
  const told = async (conversation: EngineInput["conversation"], more: Partial<EngineInput>) => {
    const model = scripted(["Done."]);
    const input = { conversation, stepsBefore: 0, model: "test", workspace: "/", ...more, ...room(2) };
    const reports = await Array.fromAsync(loopEngine(() => model, []).run(input, NO_SANDBOX, memoryOutput(), new AbortController().signal));
    const texts = only(
      reports.flatMap(({ events }) => events),
      "agent.told",
    ).map(({ text }) => text);
    return { texts, messages: model.requests[0]?.messages ?? [] };
  };
  const first = await told([{ role: "user", text: "Mend it." }], { setupFailed: how });
  const note = first.messages.at(-1);
  assert.ok(first.texts.length === 1 && note?.role === "user" && note.note && note.text.includes(how));
  assert.deepEqual((await told(first.messages, { setupFailed: how })).texts, [], "a later run of it has it in its conversation");
  const next = [...first.messages, { role: "user", text: "And now?" }] as const;
  assert.deepEqual((await told(next, { setupFailed: how })).texts, [], "nor does a later turn hear it again");
  assert.equal((await told(next, { setupFailed: "setup failed: exit 4" })).texts.length, 1, "unless it fails in another way");
  assert.deepEqual((await told(next, { machineStands: true })).texts, [], "on the machine of before it is missing still");
  const mended = await told(next, {});
  assert.match(mended.texts.join(), /^The environment's setup succeeded this time/);
  assert.deepEqual((await told(mended.messages, {})).texts, []);
});

test("where the user goes back to a step, the model is told that more had happened", async () => {
  const model = scripted(["Done."]);
  const conversation = [{ role: "user", text: "Do it again from here." }] as const;
  const input = { conversation, stepsBefore: 0, model: "test", workspace: "/", wentBack: true, machineIsNew: true, ...room(2) };
  for await (const _ of loopEngine(() => model, []).run(input, NO_SANDBOX, memoryOutput(), new AbortController().signal));
  const notes = model.requests[0]?.messages.flatMap((one) => (one.role === "user" && one.note ? [one.text] : [])) ?? [];
  assert.equal(notes.length, 2);
  assert.match(notes.join("\n"), /^The user has gone back to this point: .*\nThe machine was replaced/);
});
