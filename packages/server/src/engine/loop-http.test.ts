import assert from "node:assert/strict";
import { test } from "node:test";
import type { EngineEvent, ModelFacts } from "@farhand/protocol";
import { z } from "zod";
import type { Sandbox } from "../sandbox/sandbox.ts";
import { type Form, type ModelServer, modelServer, type Scripted } from "../testing/model-server.ts";
import { loopEngine } from "./loop.ts";
import { anthropic } from "./models/providers/anthropic.ts";
import { compatible } from "./models/providers/compatible.ts";
import { openai } from "./models/providers/openai.ts";
import type { Provider } from "./models/providers/provider.ts";
import { PATIENCE, servedModel } from "./models/served-model.ts";
import { eventsOf, memoryOutput, only, room } from "./testing.ts";
import type { Tool } from "./tools/tool.ts";

const FORMS: [Form, Provider][] = [
  ["responses", openai],
  ["messages", anthropic],
  ["chat", compatible],
];
const PATIENT = { ...PATIENCE, firstWaitMs: 1, lastWaitMs: 1, tries: 3 };
const NO_SANDBOX: Sandbox = {
  run: "attempt.1",
  exec: () => assert.fail("this test needs no sandbox"),
  watchedBy: async () => {},
  lost: new AbortController().signal,
  [Symbol.asyncDispose]: async () => {},
};

/** Runs the loop on a model over HTTP; `ran` is what its one tool was called with. */
async function run(provider: Provider, server: ModelServer) {
  const ran: string[] = [];
  const note: Tool<{ text: string }> = {
    name: "note",
    description: "Notes it.",
    input: z.strictObject({ text: z.string() }),
    readsOnly: false,
    // biome-ignore lint/correctness/useYield: it shows nothing while it works
    async *run({ text }) {
      ran.push(text);
      if (text === "fail") throw new Error("no paper");
      return { text: `noted ${text}`, isError: false, exit: null, output: null };
    },
  };
  const facts: ModelFacts = {
    name: `${provider.name}/m`,
    provider: provider.name,
    contextTokens: null,
    maxOutputTokens: null,
    prices: null,
    efforts: [],
  };
  const model = servedModel(provider, { baseUrl: server.url, key: null }, "m", facts, PATIENT);
  const conversation = [{ role: "user", text: "Do it." } as const];
  const input = { conversation, stepsBefore: 0, model: "m", workspace: "/workspace", ...room(10) };
  const running = loopEngine(() => model, [note]).run(input, NO_SANDBOX, memoryOutput(), new AbortController().signal);
  const events: EngineEvent[] = await Array.fromAsync(eventsOf(running));
  return { ran, events, end: only(events, "engine.stopped")[0] };
}

const call = (text: string) => ({ name: "note", arguments: { text } });

for (const [form, provider] of FORMS) {
  const story = (what: string, script: Scripted[], tell: (of: Awaited<ReturnType<typeof run>>, server: ModelServer) => void) =>
    test(`${form}: ${what}`, { timeout: 120_000 }, async () => {
      await using server = await modelServer(...script);
      tell(await run(provider, server), server);
    });

  story(
    "an unknown tool, arguments that are no JSON or no object, and a tool that fails are answers to the model, which goes on",
    [
      {
        calls: [
          { name: "browse", arguments: {} },
          { name: "note", arguments: '{"text": "hal' },
          { name: "note", arguments: '"text"' },
          call("fail"),
        ],
      },
      { text: "So be it." },
    ],
    ({ ran, events, end }, server) => {
      assert.deepEqual(ran, ["fail"]);
      const results = only(events, "tool.finished").map(({ result }) => result);
      const told = JSON.stringify(server.asked[1]?.body);
      assert.deepEqual([results.length, end?.reason], [4, "done"]);
      for (const result of results) assert.ok(told.includes(JSON.stringify(result).slice(1, -1)), result);
      assert.match(results.join(), /no tool "browse".*no valid JSON object.*no valid JSON object.*no paper/s);
    },
  );

  story(
    "parallel calls are all run, and their results are told together",
    [{ calls: [call("one"), call("two"), call("three")] }, { text: "Done." }],
    ({ ran, end }, server) => {
      assert.deepEqual([ran, end?.reason], [["one", "two", "three"], "done"]);
      const told = JSON.stringify(server.asked[1]?.body);
      for (const text of ran) assert.ok(told.includes(`noted ${text}`));
    },
  );

  story(
    "a stream that is cut is told and asked again; its calls are not run",
    [
      { broken: { text: "Half", calls: [call("half")] } },
      { unfinished: { calls: [call("half")] } },
      { calls: [call("whole")] },
      { text: "Done." },
    ],
    ({ ran, events, end }) => {
      assert.deepEqual([ran, end?.reason], [["whole"], "done"]);
      assert.deepEqual(
        only(events, "model.retried").map(({ step }) => step),
        [1, 1],
      );
      assert.ok(!JSON.stringify(only(events, "message")).includes("Half"));
    },
  );

  story(
    "calls of a reply at its output limit are refused",
    [{ calls: [call("long")], cutOff: true }, { text: "Shorter." }],
    ({ ran, events, end }) => {
      assert.deepEqual([ran, end?.reason], [[], "done"]);
      assert.match(String(only(events, "tool.finished")[0]?.result), /cut off at its output limit/);
    },
  );

  story(
    "a provider that stays broken ends the work with its words",
    [{ calls: [call("one")] }, { status: 500, message: "oops" }, "hang up", { status: 529, message: "too many" }],
    ({ ran, end }) => {
      assert.deepEqual([ran, end?.reason], [["one"], "model-failed"]);
      assert.match(String(end?.detail), /529: too many \(tried 3 times\)$/);
    },
  );
}
