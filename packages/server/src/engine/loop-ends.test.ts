import assert from "node:assert/strict";
import { test } from "node:test";
import { type EngineEvent, failureInWords, type Usage } from "@farhand/protocol";
import { z } from "zod";
import type { Execution, Sandbox } from "../sandbox/sandbox.ts";
import type { Spoken } from "./compaction.ts";
import type { EngineInput, EngineParts } from "./engine.ts";
import { loopEngine } from "./loop.ts";
import { ContextFull, type Model } from "./models/model.ts";
import { memoryOutput, only, room, type ScriptedPart, scripted } from "./testing.ts";
import type { Tool } from "./tools/tool.ts";

/** Commands that end with what their text says, as `exit 1`. */
function fakeSandbox(): Sandbox {
  return {
    run: "attempt.1",
    watchedBy: async () => {},
    lost: new AbortController().signal,
    exec({ argv }): Execution {
      const command = argv.at(-1) ?? "";
      const code = Number(/exit (\d+)/.exec(command)?.[1] ?? 0);
      return {
        output: (async function* () {
          yield { stream: "stdout" as const, bytes: Buffer.from(`ran ${command}\n`) };
        })(),
        exit: Promise.resolve({ kind: "exited" as const, code }),
        signal: () => {},
      };
    },
    [Symbol.asyncDispose]: async () => {},
  };
}

/** Tools whose calls end in the order in which `end` is called, or at once. */
function tools() {
  const begun: string[] = [];
  const waiting = new Map<string, () => void>();
  const started = new EventTarget();
  const named = (name: string, readsOnly: boolean): Tool<{ say: string; wait?: boolean | undefined; fail?: boolean | undefined }> => ({
    name,
    description: name,
    readsOnly,
    input: z.strictObject({ say: z.string(), wait: z.boolean().optional(), fail: z.boolean().optional() }),
    async *run({ say, wait, fail }, _, signal) {
      begun.push(say);
      yield { stream: "stdout", text: say };
      if (wait) {
        await new Promise<void>((resolve, reject) => {
          waiting.set(say, resolve);
          signal.addEventListener("abort", () => reject(signal.reason));
          started.dispatchEvent(new Event(say));
        });
      }
      return { text: `${say} is done`, isError: fail === true, exit: null, output: null };
    },
  });
  return {
    begun,
    list: [named("look", true) as Tool, named("change", false) as Tool],
    end: async (say: string) => {
      if (!waiting.has(say)) await new Promise((resolve) => started.addEventListener(say, resolve, { once: true }));
      waiting.get(say)?.();
    },
  };
}

type Given = Partial<Pick<EngineInput, "budget" | "usedBefore" | "stepsBefore" | "checks" | "conversation">> & {
  tools?: readonly Tool[];
  isUnchanged?: boolean;
  finish?: AbortSignal;
  writing?: EngineParts["writing"];
};

async function work(model: Model, given: Given = {}, seen: (event: EngineEvent) => void = () => {}) {
  const { tools: own = tools().list, isUnchanged = false, finish, writing, ...change } = given;
  const input: EngineInput = {
    conversation: [{ role: "user", text: "Mend it." }],
    stepsBefore: 0,
    model: "test",
    workspace: "/w",
    ...room(20),
    ...change,
  };
  const events: EngineEvent[] = [];
  const said: Spoken[] = [];
  const parts: EngineParts = {
    ...memoryOutput(),
    ...(isUnchanged && { isUnchanged: async () => true }),
    ...(finish && { finish }),
    ...(writing && { writing }),
  };
  for await (const progress of loopEngine(() => model, own).run(input, fakeSandbox(), parts, new AbortController().signal)) {
    assert.ok(progress.events.length > 0);
    for (const event of progress.events) seen(event);
    events.push(...progress.events);
    said.push(...(progress.said ?? []));
  }
  const [end] = only(events, "engine.stopped");
  assert.equal(events.at(-1), end);
  return { events, said, end };
}

const call = (tool: string, say: string, more: object = {}): ScriptedPart => ({ tool, input: { say, ...more } });
const using = (usage: Partial<Usage>): ScriptedPart => ({
  ending: { kind: "complete" },
  usage: { inputTokens: null, cachedTokens: null, outputTokens: null, reasoningTokens: null, costUsd: null, ...usage },
});

for (const [limit, budget, usage, words] of [
  ["tokens", { tokens: 150 }, { inputTokens: 90, outputTokens: 10 }, "reached its limit of 150 tokens (used 200)"],
  ["money", { costUsd: 0.5 }, { costUsd: 0.3 }, "reached its limit of 0.50 US dollars (used 0.60)"],
] as const) {
  test(`a limit of ${limit} ends the work before the next request, and what was done before counts`, async () => {
    const model = scripted([call("change", "a"), using(usage)], [call("change", "b"), using(usage)], ["Never asked."]);
    const { end, events } = await work(model, room(20, budget));
    assert.equal(model.requests.length, 2);
    assert.deepEqual([end?.reason, end?.limit?.limit], ["budget-reached", limit]);
    assert.equal(only(events, "tool.finished").length, 2);
    assert.ok(end?.limit && failureInWords({ kind: "budget-reached", ...end.limit }) === words);

    const before = { tokens: 200, costUsd: 0.6, ms: 0 };
    const later = await work(scripted(["Never asked."]), { ...room(20, budget), usedBefore: before, stepsBefore: 2 });
    assert.deepEqual([later.end?.reason, later.end?.steps], ["budget-reached", 2]);
  });
}

test("when the time is up the call that runs is stopped, those after it are not begun, and the model is told so", async () => {
  const own = tools();
  const model = scripted([call("change", "long", { wait: true }), call("change", "next")], ["Never asked."]);
  const given = { budget: { ...room(20).budget, minutes: 1 }, usedBefore: { tokens: 0, costUsd: 0, ms: 60_000 - 3000 }, tools: own.list };
  const { end, events, said } = await work(model, given);
  assert.deepEqual(end?.limit, { limit: "time", used: 1, allowed: 1 });
  assert.deepEqual(own.begun, ["long"]);
  assert.deepEqual(
    only(events, "tool.finished").map(({ isError, result }) => [isError, result]),
    [
      [true, "Stopped before it ended: the time limit of this turn is reached.\nWhat it had written until then:\nlong"],
      [true, "Not run: the time limit of this turn is reached."],
    ],
  );
  assert.equal(said.filter(({ role }) => role === "tool").length, 2);
});

test("asked to finish, what runs is stopped, the model is told what it had written, and checks have no say", async () => {
  const stop = new AbortController();
  const model = scripted([call("change", "half", { wait: true }), call("change", "next")], ["Never asked."]);
  const stopWhen = (event: EngineEvent) => event.type === "tool.output" && setImmediate(() => stop.abort());
  const { end, events, said } = await work(model, { finish: stop.signal, checks: ["exit 0"] }, stopWhen);
  assert.deepEqual([end?.reason, end?.detail, end?.limit], ["stopped", "", undefined]);
  const [half, next] = said.filter((one) => one.role === "tool");
  assert.match(half?.text ?? "", /^Stopped before it ended: the user ended the work\. [\s\S]*until then:\nhalf$/);
  assert.match(next?.text ?? "", /^Not run: the user ended the work/);
  assert.deepEqual([half?.exit, next?.exit, only(events, "agent.told")], [{ kind: "cancelled" }, null, []]);

  const during = new AbortController();
  const checked = await work(
    scripted([call("change", "x")], ["Done."]),
    { finish: during.signal, checks: ["exit 1"] },
    (event) => event.type === "tool.started" && event.tool === "check" && during.abort(),
  );
  assert.deepEqual([checked.end?.reason, only(checked.events, "agent.told")], ["stopped", []]);
});

test("asked to finish while the model thinks, the work ends there", async () => {
  const stop = new AbortController();
  const stopWhen = (event: EngineEvent) => event.type === "step.started" && setImmediate(() => stop.abort());
  const { end, said } = await work(scripted(["Hm", "<wait>"]), { finish: stop.signal }, stopWhen);
  assert.deepEqual([end?.reason, said], ["stopped", []]);
});

test("when the time is up while the model thinks, the work ends there", async () => {
  const given = { budget: { ...room(20).budget, minutes: 1 }, usedBefore: { tokens: 0, costUsd: 0, ms: 60_000 - 3000 } };
  const { end, events } = await work(scripted(["Hm", "<wait>"]), given);
  assert.deepEqual([end?.limit?.limit, only(events, "step.answered").length], ["time", 1]);
});

test("calls that only read run at the same time, others alone; results come in the order of the calls", async () => {
  const own = tools();
  const model = scripted(
    [call("look", "a", { wait: true }), call("look", "b", { wait: true }), call("change", "c"), call("look", "d")],
    ["Done."],
  );
  const working = work(model, { tools: own.list });
  await own.end("b");
  assert.deepEqual(own.begun, ["a", "b"]);
  await own.end("a");
  const { events, said } = await working;
  assert.deepEqual(own.begun, ["a", "b", "c", "d"]);
  const told = events.flatMap((event) => ("call" in event && event.type !== "tool.output" ? [`${event.type.slice(5)} ${event.call}`] : []));
  assert.deepEqual(told, [
    "started 1.1",
    "started 1.2",
    "finished 1.1",
    "finished 1.2",
    "started 1.3",
    "finished 1.3",
    "started 1.4",
    "finished 1.4",
  ]);
  const texts = said.flatMap((message) => (message.role === "tool" ? [message.text] : []));
  assert.deepEqual(texts, ["a is done", "b is done", "c is done", "d is done"]);
});

test("the same call that goes on failing: a word to the model, then the end", async () => {
  const again = [call("change", "x", { fail: true })];
  const { end, events, said } = await work(scripted(...Array.from({ length: 9 }, () => again)));
  assert.equal(only(events, "tool.finished").length, 5);
  assert.deepEqual(
    only(events, "agent.told").map(({ step, about }) => [step, about]),
    [[3, "stuck"]],
  );
  assert.deepEqual(
    said.filter((message) => message.role === "user").map(({ text, note }) => [note, /has failed 3 times/.test(text)]),
    [[true, true]],
  );
  assert.deepEqual([end?.reason, end?.detail], ["stuck", "the same call of change has failed 5 times, with nothing changed in between"]);
});

test("a call that fails again after something was changed is no sign of being stuck", async () => {
  const fails = [call("look", "x", { fail: true })];
  const { end, events } = await work(scripted(fails, fails, [call("change", "y")], fails, fails, [call("change", "y")], fails, ["Done."]));
  assert.deepEqual([end?.reason, only(events, "agent.told").length], ["done", 0]);
});

test("an empty answer is asked about once; a second one ends the work", async () => {
  const once = await work(scripted([], ["Done."]));
  assert.deepEqual([once.end?.reason, only(once.events, "agent.told").length], ["done", 1]);
  const twice = await work(scripted([], []));
  assert.equal(twice.end?.reason, "stuck");
});

const LONG = "word ".repeat(2_000);

test("a conversation that fills the context goes on from a summary, with what the user said word for word; so does a later run", async () => {
  const replies: ScriptedPart[][] = [[call("change", LONG)], [call("change", LONG)], ["I changed a.ts; b.ts is left."], ["Done."]];
  const model = scripted(...replies);
  const small = { ...model, facts: { ...model.facts, contextTokens: 12_000 } };
  const { events, said, end } = await work(small);
  const [compacted] = only(events, "context.compacted");
  assert.equal(compacted?.summary, "I changed a.ts; b.ts is left.");
  assert.ok(compacted.tokensBefore > 9_000 && compacted.tokensAfter < 2_000, JSON.stringify(compacted));
  assert.deepEqual(
    only(events, "step.started").map(({ purpose }) => purpose),
    [undefined, undefined, "summary", undefined],
  );
  const sent = model.requests.at(-1)?.messages ?? [];
  assert.equal(sent.length, 1);
  assert.match(sent[0]?.text ?? "", /word for word:\n<message number="1">\nMend it\.\n<\/message>[\s\S]*I changed a\.ts; b\.ts is left\./);
  assert.equal(end?.reason, "done");

  const conversation: Spoken[] = [{ role: "user", text: "Mend it." }, ...said, { role: "user", text: "Now b.ts." }];
  const later = scripted(["Done, too."]);
  await work(later, { conversation, stepsBefore: 4 });
  assert.deepEqual(
    later.requests[0]?.messages.map(({ role, text }) => [role, text.slice(0, 20)]),
    [
      ["user", "The conversation bef"],
      ["assistant", "Done."],
      ["user", "Now b.ts."],
    ],
  );
});

test("a model that finds the context full is asked for a summary of less, and goes on; where that does not help the work ends", async () => {
  const full = new ContextFull("too long: 200001 tokens");
  const model = scripted([call("change", LONG)], [full], ["What I did."], ["Done."]);
  const { events, end } = await work(model);
  assert.equal(only(events, "context.compacted").length, 1);
  assert.ok((model.requests[2]?.messages.find(({ role }) => role === "tool")?.text.length ?? 0) < 2_500);
  assert.equal(end?.reason, "done");
  const never = await work(scripted([full], [full], [full], [full]));
  assert.deepEqual([never.end?.reason, never.end?.detail], ["model-failed", "too long: 200001 tokens"]);
});

test("a change is checked before the work counts as finished; what failed is told, and the last result stands", async () => {
  const model = scripted([call("change", "a")], ["Done."], [call("change", "b")], ["Mended."], [call("change", "c")], ["Well."]);
  const { events, said, end } = await work(model, { checks: ["true", "exit 3"] });
  const checks = only(events, "tool.started").filter(({ tool }) => tool === "check");
  assert.deepEqual(
    checks.map(({ call: name, input }) => [name, (input as { command: string }).command]),
    [2, 4, 6].flatMap((step) => [
      [`${step}.1`, "true"],
      [`${step}.2`, "exit 3"],
    ]),
  );
  const notes = said.filter((message) => message.role === "user").map(({ text }) => text);
  assert.equal(notes.length, 2);
  assert.match(notes[0] ?? "", /1 of 2 failed:\n\n\$ exit 3\nResult after .*: exit 3\nran exit 3/);
  assert.equal(
    said.some((message) => message.role === "tool" && message.tool === "check"),
    false,
  );
  assert.equal(end?.reason, "done");
});

test("checks are not run where nothing was changed, nor again where the model changes nothing after they failed", async () => {
  const none = await work(scripted([call("look", "a")], ["It is so."]), { checks: ["exit 1"] });
  assert.equal(only(none.events, "tool.started").length, 1);
  const undone = await work(scripted([call("change", "a")], ["It was right."]), { checks: ["exit 1"], isUnchanged: true });
  assert.deepEqual([only(undone.events, "tool.started").length, undone.end?.reason], [1, "done"]);
  const told = await work(scripted([call("change", "a")], ["Done."], ["That check was broken before."]), { checks: ["exit 1"] });
  assert.deepEqual([only(told.events, "tool.started").length, told.end?.reason], [2, "done"]);
});

test("a run that was cut off after the last word asks nothing more: it runs the checks and ends", async () => {
  const conversation: Spoken[] = [
    { role: "user", text: "Mend it." },
    { role: "assistant", text: "", calls: [{ id: "1", name: "change", input: { say: "a" } }] },
    { role: "tool", call: "1", tool: "change", text: "a is done", isError: false, exit: null },
    { role: "assistant", text: "Done.", calls: [] },
  ];
  const model = scripted();
  const { events, end } = await work(model, { conversation, stepsBefore: 2, checks: ["true"] });
  assert.deepEqual([model.requests.length, only(events, "tool.finished").length, end?.reason, end?.steps], [0, 1, "done", 2]);
});

test("a call of an earlier turn that nothing came back for has its result before the next prompt", async () => {
  const conversation: Spoken[] = [
    { role: "user", text: "Mend it." },
    { role: "assistant", text: "", calls: ["a", "b"].map((id) => ({ id, name: "change", input: { say: id } })) },
    { role: "tool", call: "a", tool: "change", text: "a is done", isError: false, exit: null },
    { role: "user", text: "Now the other." },
  ];
  const model = scripted(["Done."]);
  await work(model, { conversation, stepsBefore: 1 });
  const roles = model.requests[0]?.messages.map((message) =>
    message.role === "tool" ? `${message.call} ${message.isError}` : message.role,
  );
  assert.deepEqual(roles, ["user", "assistant", "a false", "b true", "user"]);
});

test("what a reply says is told as it is written, what a summary says is not", async () => {
  const replies = [["Half ", new ContextFull("too long")], ["A summary."], ["The ", "end."]];
  const heard: [number, string][] = [];
  const { end } = await work(scripted(...replies), { writing: (step, text) => heard.push([step, text]) });
  assert.equal(end?.reason, "done");
  assert.deepEqual(heard, [
    [1, "Half "],
    [3, "The "],
    [3, "end."],
  ]);
});
