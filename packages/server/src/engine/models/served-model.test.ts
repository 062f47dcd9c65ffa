import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import type { ModelFacts } from "@farhand/protocol";
import { Secret } from "../../domain/secret.ts";
import { type Form, modelServer, type Scripted } from "../../testing/model-server.ts";
import type { AssistantMessage, Message, ModelRequest } from "./model.ts";
import { anthropic } from "./providers/anthropic.ts";
import { compatible } from "./providers/compatible.ts";
import { openai } from "./providers/openai.ts";
import type { Provider } from "./providers/provider.ts";
import { ask, type Reply } from "./reply.ts";
import { PATIENCE, type Patience, servedModel } from "./served-model.ts";

const KEY = "sk-not-to-be-seen-anywhere-0123456789";
const FORMS: [Form, Provider, string][] = [
  ["responses", openai, "gpt-5.5"],
  ["messages", anthropic, "claude-opus-5-5"],
  ["chat", compatible, "local-model"],
];
const PATHS = { responses: "responses", messages: "messages", chat: "chat/completions" };
const QUICK: Patience = { ...PATIENCE, firstWaitMs: 1, lastWaitMs: 1, tries: 3 };
const prices = { input: 2, cachedInput: 0.5, cacheWrite: 3, output: 10 };
const SHELL = {
  name: "shell",
  description: "Runs a command.",
  parameters: { type: "object", properties: { command: { type: "string" } } },
};
const user = (text: string): Message => ({ role: "user", text });
const asking = (messages: readonly Message[]): ModelRequest => ({ system: "Be brief.", messages, tools: [SHELL] });
const never = new AbortController().signal;

type Asking = { patience?: Patience; signal?: AbortSignal; request?: ModelRequest };

/** A server that follows the script, a model on it, and what came of one request to it. */
async function start([, provider, id]: (typeof FORMS)[number], ...script: Scripted[]) {
  const server = await modelServer(...script);
  const facts: ModelFacts = {
    name: `${provider.name}/${id}`,
    provider: provider.name,
    contextTokens: 1000,
    maxOutputTokens: 500,
    prices,
    efforts: ["low", "high"],
  };
  const retries: string[] = [];
  async function reply({ patience = QUICK, signal = never, request = asking([user("Do it.")]) }: Asking = {}): Promise<Reply> {
    const model = servedModel(provider, { baseUrl: server.url, key: new Secret(KEY) }, id, facts, patience);
    const asked = ask(model, request, signal);
    let next = await asked.next();
    for (; !next.done; next = await asked.next()) retries.push(next.value.detail);
    return next.value;
  }
  return { ...server, server, reply, retries, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

function messageOf(reply: Reply): AssistantMessage {
  assert.equal(reply.kind, "reply", inspect(reply));
  return (reply as Extract<Reply, { kind: "reply" }>).message;
}

for (const form of FORMS) {
  const [name] = form;
  const story = (what: string, tell: () => Promise<void>) => test(`${name}: ${what}`, { timeout: 120_000 }, tell);

  story("text, parallel calls, tokens and their price arrive; the key goes to the provider, and nowhere else", async () => {
    const calls = [
      { name: "shell", arguments: { command: "ls" } },
      { name: "shell", arguments: { command: "pwd" } },
    ];
    await using on = await start(form, { text: "I look.", calls });
    const reply = await on.reply();
    const message = messageOf(reply);
    assert.equal(message.text, "I look.");
    assert.deepEqual(
      message.calls.map(({ name, input }) => [name, input]),
      calls.map((call) => [call.name, call.arguments]),
    );
    assert.equal(new Set(message.calls.map(({ id }) => id)).size, 2);
    assert.ok(reply.kind === "reply");
    assert.deepEqual(reply.ending, { kind: "complete" });
    const costUsd = (60 * 2 + 40 * 0.5 + 20 * 10) / 1_000_000;
    assert.deepEqual(reply.usage, { inputTokens: 100, cachedTokens: 40, outputTokens: 20, reasoningTokens: 5, costUsd });
    const [request] = on.asked;
    assert.equal(request?.form, name);
    assert.ok(JSON.stringify(request?.headers).includes(KEY));
    assert.ok(!JSON.stringify(request?.body).includes(KEY));
    assert.ok(!inspect([reply, on.retries], { depth: null }).includes(KEY));
    assert.ok(JSON.stringify(request?.body).includes("Be brief."));
  });

  story("what the provider wants back comes back to it, and not to another model", async () => {
    await using on = await start(form, { thought: "opaque-thought", text: "Hm.", calls: [{ name: "shell", arguments: {} }] }, {}, {});
    const message = messageOf(await on.reply());
    const result: Message = { role: "tool", call: message.calls[0]?.id ?? "", tool: "shell", text: "", isError: true, exit: null };
    const stored = JSON.parse(JSON.stringify([user("Do it."), message, result])) as Message[];
    await on.reply({ request: asking(stored) });
    const back = JSON.stringify(on.asked[1]?.body);
    assert.ok(back.includes("opaque-thought"), back);
    assert.ok(back.includes("Hm.") && back.includes("(no output)"), back);
    const of = message.state as { model: string };
    await on.reply({ request: asking([user("Do it."), { ...message, state: { ...of, model: "other/model" } }, result]) });
    const elsewhere = JSON.stringify(on.asked[2]?.body);
    assert.ok(!elsewhere.includes("opaque-thought") && elsewhere.includes("Hm."), elsewhere);
  });

  story("pictures of a user's message reach the provider", async () => {
    await using on = await start(form, { text: "A cat." });
    const data = Buffer.from("not really a picture").toString("base64");
    const asked: Message = { role: "user", text: "", images: [{ mediaType: "image/png", data }] };
    await on.reply({ request: asking([asked]) });
    const body = JSON.stringify(on.asked[0]?.body);
    assert.ok(body.includes(data) && body.includes("image/png"), body);
  });

  story("arguments that are no JSON come as the text they were, and can be told back", async () => {
    await using on = await start(form, { calls: [{ name: "shell", arguments: '{"command": "ls' }] }, { text: "Sorry." });
    const message = messageOf(await on.reply());
    assert.deepEqual(
      message.calls.map(({ input }) => input),
      ['{"command": "ls'],
    );
    const result: Message = { role: "tool", call: message.calls[0]?.id ?? "", tool: "shell", text: "No.", isError: true, exit: null };
    assert.equal(messageOf(await on.reply({ request: asking([user("Do it."), message, result]) })).text, "Sorry.");
  });

  story("a reply that reached the output limit is told from a whole one", async () => {
    await using on = await start(form, { calls: [{ name: "shell", arguments: { command: "ls" } }], cutOff: true });
    const reply = await on.reply();
    assert.ok(reply.kind === "reply");
    assert.deepEqual(reply.ending, { kind: "cut-off" });
  });

  const whole = { text: "Whole." };
  const half = { text: "Half", calls: [{ name: "shell", arguments: { command: "rm -r x" } }] };
  const passing: [string, Scripted][] = [
    ["429", { status: 429, headers: { "retry-after": "0" }, message: "slow down" }],
    ["500", { status: 500, message: "oops" }],
    ["529", { status: 529, message: "overloaded", code: "overloaded_error" }],
    ["a page of a proxy", { status: 502, body: "<html>Bad Gateway</html>" }],
    ["a connection that is cut", "hang up"],
    ["a stream that is cut", { broken: half }],
    ["a stream without its end", { unfinished: half }],
    ["a stream with an error in it", { failing: "the server had an error" }],
  ];
  for (const [what, fault] of passing) {
    story(`${what} is tried again, and nothing of it is used`, async () => {
      await using on = await start(form, fault, whole);
      const message = messageOf(await on.reply());
      assert.deepEqual([message.text, message.calls, on.retries.length, on.asked.length], ["Whole.", [], 1, 2]);
      assert.ok(!on.retries[0]?.includes("\n"), on.retries[0]);
    });
  }

  story("what stays broken ends with the last try, and says how often it tried", async () => {
    await using on = await start(form, { broken: half }, { status: 500, message: "oops" }, { status: 503, message: "no room" });
    const reply = await on.reply();
    assert.ok(reply.kind === "failed" && /503: no room \(tried 3 times\)$/.test(reply.detail), inspect(reply));
  });

  story("the wait that a provider asks for is told; one that is too long is not waited for", async () => {
    await using on = await start(form, { status: 429, headers: { "retry-after": "7200" } });
    const reply = await on.reply();
    assert.ok(reply.kind === "failed" && reply.detail.endsWith("(it asks to wait 120 minutes)"), inspect(reply));
  });

  for (const [what, fault, words] of [
    ["a wrong key", { status: 401, message: `Incorrect API key: ${KEY}` }, /: 401: the key was refused$/],
    ["an unknown model", { status: 404, message: `no model x, ${KEY}` }, /: 404: no model x, \[key\]$/],
    ["an empty account", { status: 429, code: "insufficient_quota", message: "You exceeded your current quota" }, /no credit is left/],
  ] as [string, Scripted, RegExp][]) {
    story(`${what} is not tried again, and the key is not in the words for it`, async () => {
      await using on = await start(form, fault, whole);
      const reply = await on.reply();
      assert.ok(reply.kind === "failed" && words.test(reply.detail), inspect(reply));
      assert.equal(on.asked.length, 1);
    });
  }

  story("a key is not carried on to another address", async () => {
    await using elsewhere = await modelServer(whole);
    await using on = await start(form, { status: 307, headers: { location: `${elsewhere.url}/${PATHS[name]}` } }, whole);
    const reply = await on.reply();
    assert.ok(reply.kind === "failed" && reply.detail.includes("redirect"), inspect(reply));
    assert.deepEqual([on.asked.length, elsewhere.asked.length], [1, 0]);
  });

  story("a conversation that is too long is an ending of its own", async () => {
    const said = {
      responses: { code: "context_length_exceeded", message: "Your input exceeds the context window of this model." },
      messages: { code: "invalid_request_error", message: "prompt is too long: 1200000 tokens > 1000000 maximum" },
      chat: { code: "exceed_context_size_error", message: "the request exceeds the available context size, try increasing it" },
    }[name];
    await using on = await start(form, { status: 400, ...said }, whole);
    const reply = await on.reply();
    assert.deepEqual([reply.kind, on.asked.length], ["context-full", 1], inspect(reply));
  });

  story("a silent provider meets a deadline, and is asked again", async () => {
    const answers = Array.from({ length: 20 }, () => whole); // on a slow machine more than the first may come too late
    await using on = await start(form, "silence", ...answers);
    const message = messageOf(await on.reply({ patience: { ...QUICK, silenceMs: 200, tries: 21 } }));
    assert.equal(message.text, "Whole.");
    assert.match(String(on.retries), /nothing came for/);
  });

  story("a reply without end meets a limit, and is not asked for again", async () => {
    await using on = await start(form, "endless", whole);
    const reply = await on.reply();
    assert.ok(reply.kind === "failed" && reply.detail.includes("has no end"), inspect(reply));
    assert.equal(on.asked.length, 1);
  });

  story("one request with all its tries meets a deadline", async () => {
    await using on = await start(form, "silence", "silence", "silence");
    const reply = await on.reply({ patience: { ...QUICK, silenceMs: 60_000, wholeMs: 200 } });
    assert.ok(reply.kind === "failed" && reply.detail.includes("no whole reply within"), inspect(reply));
  });

  story("an abort ends a silent request and a wait at once, with its reason", async () => {
    for (const fault of ["silence", { status: 429, headers: { "retry-after": "600" } }] as const) {
      await using on = await start(form, fault);
      const stop = new AbortController();
      const reason = new Error("cancelled");
      const asking = on.reply({ signal: stop.signal });
      while (on.asked.length === 0) await new Promise((done) => setImmediate(done));
      stop.abort(reason);
      await assert.rejects(asking, (error) => error === reason);
    }
  });

  story("what is stopped before it is sent leaves no fault that nobody hears", async () => {
    await using on = await start(form);
    const stopped = new Error("stopped");
    await assert.rejects(on.reply({ signal: AbortSignal.abort(stopped) }), stopped);
    await new Promise((done) => setTimeout(done)); // a rejection that nobody has heard by then ends the process
    assert.equal(on.asked.length, 0);
  });
}

test("responses: nothing is stored there, reasoning is asked for encrypted, requests of a conversation share a cache key", async () => {
  await using on = await start(["responses", openai, "gpt-5.5"], whole(), whole(), whole());
  const first = [user("Do it.")];
  await on.reply({ request: { ...asking(first), effort: "high" } });
  await on.reply({ request: asking([...first, { role: "assistant", text: "Yes?", calls: [] }, user("Go on.")]) });
  await on.reply({ request: asking([user("Something else.")]) });
  const [one, two, three] = on.asked.map(({ body }) => body);
  assert.deepEqual([one?.store, one?.include, one?.stream], [false, ["reasoning.encrypted_content"], true]);
  assert.deepEqual([one?.reasoning, two?.reasoning], [{ effort: "high" }, undefined]);
  assert.equal(one?.prompt_cache_key, two?.prompt_cache_key);
  assert.notEqual(one?.prompt_cache_key, three?.prompt_cache_key);
});

test("messages: the cache reaches over tools and system, to the last request's end and to this one's; changed thinking is dropped", async () => {
  await using on = await start(["messages", anthropic, "claude-opus-5-5"], whole());
  const step = (n: number): Message[] => [
    { role: "assistant", text: "", calls: [{ id: `c${n}`, name: "shell", input: {} }] },
    { role: "tool", call: `c${n}`, tool: "shell", text: "ok", isError: n === 2, exit: null },
  ];
  await on.reply({ request: { ...asking([user("Do it."), ...step(1), ...step(2)]), effort: "low" } });
  const { system, messages, thinking, output_config, max_tokens } = (on.asked[0]?.body ?? {}) as {
    system: { cache_control?: unknown }[];
    messages: { content: { cache_control?: unknown; is_error?: boolean }[] }[];
    thinking: unknown;
    output_config: unknown;
    max_tokens: number;
  };
  const cached = [...system, ...messages.flatMap(({ content }) => content)].map(({ cache_control }) => cache_control !== undefined);
  assert.deepEqual(cached, [true, false, false, true, false, true]);
  assert.equal(messages.at(-1)?.content[0]?.is_error, true);
  assert.deepEqual(thinking, { block_binding: { prefix_mismatch_behavior: "drop_block" } });
  assert.deepEqual([output_config, max_tokens], [{ effort: "low" }, 500]);
  assert.match(String(on.asked[0]?.headers["anthropic-beta"]), /thinking-binding-controls/);
});

test("chat: a server without a key is asked without one", async () => {
  await using server = await modelServer({ text: "Hi." });
  const facts: ModelFacts = {
    name: "compatible/x",
    provider: "compatible",
    contextTokens: null,
    maxOutputTokens: null,
    prices: null,
    efforts: [],
  };
  const model = servedModel(compatible, { baseUrl: server.url, key: null }, "x", facts, QUICK);
  const reply = await ask(model, asking([user("Hi")]), never).next();
  assert.ok(reply.done && reply.value.kind === "reply" && reply.value.usage.costUsd === null);
  assert.equal(server.asked[0]?.headers.authorization, undefined);
  assert.deepEqual(server.asked[0]?.body.stream_options, { include_usage: true });
});

function whole() {
  return { text: "Whole." };
}
