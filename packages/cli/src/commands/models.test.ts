import assert from "node:assert/strict";
import { test } from "node:test";
import type { ModelFacts } from "@farhand/protocol";
import { scene } from "../testing/scene.ts";

const OPUS: ModelFacts = {
  name: "anthropic/claude-opus-5-5",
  provider: "anthropic",
  contextTokens: 1_000_000,
  maxOutputTokens: 128_000,
  prices: { input: 4, cachedInput: 0.2, cacheWrite: 5, output: 20 },
  efforts: ["low", "high"],
};
const LOCAL: ModelFacts = {
  name: "compatible/qwen\x1b[2J",
  provider: "compatible",
  contextTokens: null,
  maxOutputTokens: null,
  prices: null,
  efforts: [],
};

test("models lists what there is, with prices and the default; what a server wrote is shown safely", async () => {
  await using here = await scene();
  here.service.routes["GET /models"] = { status: 200, body: { models: [OPUS, LOCAL], default: OPUS.name } };
  const shown = await here.run(["models"]);
  assert.deepEqual([shown.code, shown.stderr], [0, ""]);
  assert.deepEqual(shown.stdout.split("\n"), [
    "anthropic/claude-opus-5-5  $4 in, $0.2 cached, $20 out · 1000k tokens · effort low|high  (default)",
    "compatible/qwen^[[2J       price unknown",
    "",
  ]);
});

test("models try says what came of it, and exits with it", async () => {
  await using here = await scene();
  const answer = (body: object) => {
    here.service.routes["POST /models/try"] = { status: 200, body };
    return here.run(["models", "try", OPUS.name]);
  };
  const good = await answer({ ok: true, said: "Hello.", durationMs: 1200, costUsd: 0.00012 });
  assert.deepEqual([good.code, good.stdout], [0, "✔ Hello. · 1.2 s · $0.00012\n"]);
  const bad = await answer({ ok: false, said: "Anthropic: 401: the key was refused", durationMs: 90, costUsd: null });
  assert.deepEqual([bad.code, bad.stdout], [1, "✖ Anthropic: 401: the key was refused\n"]);
});

test("models set takes a key from standard input only, and does not show it", async () => {
  await using here = await scene();
  const provider = {
    provider: "compatible",
    baseUrl: "http://127.0.0.1:11434/v1",
    key: "settings",
    models: [],
    available: null,
    trouble: null,
  };
  here.service.routes["PATCH /models/providers/compatible"] = { status: 200, body: { providers: [provider], default: null } };
  const args = ["models", "set", "compatible", "--base-url", "http://127.0.0.1:11434/v1", "--model", "a", "--model", "b", "--key-stdin"];
  const set = await here.run(args, { stdin: "sk-1\n" });
  assert.deepEqual([set.code, set.stderr], [0, ""]);
  assert.ok(!set.stdout.includes("sk-1"), set.stdout);
  assert.deepEqual(here.service.seen.at(-1)?.body, { key: "sk-1", baseUrl: "http://127.0.0.1:11434/v1", models: ["a", "b"] });
  await here.run(["models", "set", "compatible", "--no-key", "--no-base-url", "--no-model"]);
  assert.deepEqual(here.service.seen.at(-1)?.body, { key: null, baseUrl: null, models: [] });
  const nothing = await here.run(["models", "set", "compatible"]);
  assert.deepEqual([nothing.code, nothing.stderr], [2, 'farhand: nothing to change: see "farhand models set --help"\n']);
  const wrong = await here.run(["models", "set", "google", "--no-key"]);
  assert.equal(wrong.code, 2);
});

test("exec takes an effort, and refuses one that there is not", async () => {
  await using here = await scene();
  await here.run(["exec", "--env", "shop", "--model", OPUS.name, "--effort", "high", "Do it"]);
  assert.deepEqual(here.service.seen.at(-1)?.body, {
    environment: "shop",
    prompt: "Do it",
    model: OPUS.name,
    effort: "high",
    mode: "code",
  });
  assert.equal((await here.run(["exec", "--env", "shop", "--effort", "huge", "Do it"])).code, 2);
});
