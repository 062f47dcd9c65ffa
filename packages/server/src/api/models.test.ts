import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { ModelList, ModelSettings } from "@farhand/protocol";
import { type Config, StartupError } from "../config.ts";
import { Secret } from "../domain/secret.ts";
import { openModels } from "../run/models.ts";
import { sql } from "../store/db.ts";
import { answerTrial, hasTrial } from "../store/model-trials.ts";
import { openKeyring } from "../store/secrets.ts";
import { workerGone, workerSeen } from "../store/workers.ts";
import { testApi } from "../testing/api.ts";
import { modelServer } from "../testing/model-server.ts";

const never = new AbortController().signal;

/** The API, and the models of workers on its database. */
async function start() {
  const api = await testApi();
  const home = await mkdtemp(join(tmpdir(), "farhand-models-"));
  const keyring = await openKeyring(api.db, home);
  const names = (list: ModelList) => list.models.map(({ name }) => name);
  return {
    ...api,
    home,
    list: async () => (await api.call(api.bob, "GET", "/api/v1/models")).body as ModelList,
    names: async () => names((await api.call(api.bob, "GET", "/api/v1/models")).body as ModelList),
    settings: async () => (await api.call(api.ada, "GET", "/api/v1/models/settings")).body as ModelSettings,
    set: (provider: string, body: object) => api.call(api.ada, "PATCH", `/api/v1/models/providers/${provider}`, body),
    async worker(name = "w1", providers: Config["providers"] = {}) {
      await workerSeen(api.db, name, [], []);
      const models = await openModels({ db: api.db, keyring, config: { home, workerName: name, providers } });
      await models.tell(never);
      return models;
    },
    async [Symbol.asyncDispose]() {
      await api[Symbol.asyncDispose]();
      await rm(home, { recursive: true });
    },
  };
}

const openai = (key: string): Config["providers"] => ({ openai: { baseUrl: null, key: new Secret(key), models: [] } });

test("a worker's keys decide which models there are; without one there is script", async () => {
  await using on = await start();
  assert.deepEqual(await on.list().then(({ models, default: usual }) => [models.map(({ name }) => name), usual]), [["script"], "script"]);
  await on.worker("w1", openai("sk-1"));
  const { models, default: usual } = await on.list();
  assert.equal(usual, "openai/gpt-6.2-sol");
  assert.ok(models.length > 5 && models.at(-1)?.name === "script");
  assert.ok(models.every(({ provider }) => provider === "openai" || provider === "script"));
  assert.equal((await on.call(on.ada, "GET", "/api/v1/start")).body.steps.model, true);

  await on.worker("w2");
  assert.deepEqual(await on.names(), ["script"], "any worker may claim the task, so each must be able to ask");
  for (const name of ["w1", "w2"]) await workerGone(on.db, name);
  assert.deepEqual(await on.names(), ["script"], "what the last one could counts while none runs");
});

test("a task has a model that there is, the default where nobody chooses, and an effort that the model knows", async () => {
  await using on = await start();
  await on.worker("w1", openai("sk-1"));
  const give = (body: object) => on.call(on.bob, "POST", "/api/v1/tasks", { environment: "shop", prompt: "Fix it", ...body });
  assert.equal((await give({})).body.model, "openai/gpt-6.2-sol");
  assert.equal((await give({ model: "script" })).body.model, "script");
  const unknown = await give({ model: "anthropic/claude-opus-5" });
  assert.equal(unknown.status, 422);
  assert.match(unknown.body.detail, /There is no model "anthropic\/claude-opus-5"\. Models here: openai\/gpt-6\.2-sol, /);
  const effort = await give({ effort: "none" });
  assert.deepEqual([effort.status, /its efforts are low, medium, high/.test(effort.body.detail)], [422, true]);
  assert.match((await give({ model: "script", effort: "low" })).body.detail, /it has no such choice/);
  const { id, ...given } = (await give({ effort: "high" })).body;
  assert.equal(given.effort, "high");
  const next = async (body: object) => {
    await on.call(on.bob, "POST", `/api/v1/tasks/${id}/cancel`);
    return on.call(on.bob, "POST", `/api/v1/tasks/${id}/turns`, { prompt: "And the tests", ...body });
  };
  assert.equal((await next({})).body.effort, "high", "as before");
  assert.equal((await next({ effort: null })).body.effort, null);
  assert.equal((await next({ effort: "low" })).body.effort, "low");
  await on.call(on.bob, "POST", `/api/v1/tasks/${id}/cancel`);
  assert.equal((await on.call(on.bob, "POST", `/api/v1/tasks/${id}/retry`)).body.effort, "low", "the same again");
  assert.match((await next({ effort: "none" })).body.detail, /openai\/gpt-6\.2-sol has no effort "none"/);
  assert.match((await next({ model: "script", effort: "low" })).body.detail, /it has no such choice/);
  assert.equal((await next({ model: "script" })).body.effort, null, "another model need not know it");

  const choose = (name: string | null) => on.call(on.ada, "PATCH", "/api/v1/models/settings", { default: name });
  assert.equal((await choose("gpt-9")).status, 422);
  assert.equal((await choose("script")).body.default, "script");
  assert.equal((await give({})).body.model, "script");
  await choose(null);
  assert.equal((await give({})).body.model, "openai/gpt-6.2-sol");
});

test("a key from the settings page is sealed, works in the worker at once, and is forgotten with its address", async () => {
  await using on = await start();
  await using one = await modelServer({ text: "Hello from one." });
  await using two = await modelServer({ text: "Hello from two." });
  const key = `sk-${randomBytes(16).toString("hex")}`;
  const models = await on.worker();
  const answer = await on.set("compatible", { baseUrl: one.url, key });
  assert.deepEqual([answer.status, JSON.stringify(answer.body).includes(key)], [200, false]);
  await models.tell(never);
  assert.deepEqual(await on.names(), ["compatible/local-model", "script"]);
  assert.deepEqual((await on.settings()).providers[2], {
    provider: "compatible",
    baseUrl: one.url,
    key: "settings",
    models: [],
    available: 1,
    trouble: null,
  });
  const tried = await models.attempt("compatible/local-model", never);
  assert.deepEqual([tried.ok, tried.said, tried.costUsd], [true, "Hello from one.", null]);
  assert.equal(one.asked[0]?.headers.authorization, `Bearer ${key}`);
  const tables = await on.db.query<{ name: string }>(sql`select tablename as name from pg_tables where schemaname = 'public'`);
  assert.ok(tables.length > 10);
  for (const { name } of tables) {
    const rows = await on.db.query({ text: `select t::text as row from "${name}" t`, values: [] });
    assert.ok(!JSON.stringify(rows).includes(key), name);
  }

  await on.set("compatible", { baseUrl: two.url });
  await models.attempt("compatible/local-model", never);
  assert.equal(two.asked[0]?.headers.authorization, undefined, "a key is for the address it was given with");
  assert.deepEqual((await on.settings()).providers[2]?.key, null);
  assert.equal((await on.db.query(sql`select id from secret where id in (select key_secret from model_provider)`)).length, 0);
});

test("no key of the operator's goes to an address from the settings page; the page's key goes before the operator's", async () => {
  await using on = await start();
  await using operators = await modelServer({ text: "Hi." });
  await using others = await modelServer({ text: "Hi." });
  const models = await on.worker("w1", { openai: { baseUrl: operators.url, key: new Secret("sk-operator"), models: [] } });
  await on.set("openai", { key: "sk-page" });
  await models.attempt("openai/gpt-6.2-sol", never);
  assert.equal(operators.asked[0]?.headers.authorization, "Bearer sk-page");
  await on.set("openai", { key: null, baseUrl: others.url });
  const tried = await models.attempt("openai/gpt-6.2-sol", never);
  assert.deepEqual([tried.ok, others.asked.length], [false, 0]);
  assert.match(tried.said, /OpenAI is not set up/);
});

test("a stored key that cannot be opened is said, and takes nothing else along", async () => {
  await using on = await start();
  const models = await on.worker("w1", openai("sk-1"));
  await on.set("anthropic", { key: "sk-2" });
  await on.db.query(sql`update secret set sealed = sealed || '\\x00'::bytea where id in (select key_secret from model_provider)`);
  await models.tell(never);
  assert.match(String((await on.settings()).providers[1]?.trouble), /cannot be opened by this worker: set it again/);
  assert.ok((await on.names()).includes("openai/gpt-6.2-sol"));
});

test("what is wrong is said: an address where nobody answers, one without models, a refused key", async () => {
  await using on = await start();
  const server = await modelServer({ status: 401, message: "bad key sk-secret" });
  const models = await on.worker();
  await on.set("compatible", { baseUrl: server.url.replace("/v1", ""), key: "sk-secret" });
  await models.tell(never);
  assert.match(String((await on.settings()).providers[2]?.trouble), /answers with status 404/);
  await on.set("compatible", { baseUrl: server.url, key: "sk-secret", models: ["named"] });
  await models.tell(never);
  assert.deepEqual(await on.names(), ["compatible/named", "script"]);
  const tried = await models.attempt("compatible/named", never);
  assert.deepEqual([tried.ok, tried.said], [false, "the compatible server: 401: the key was refused"]);
  await server[Symbol.asyncDispose]();
  assert.match((await models.attempt("compatible/named", never)).said, /Cannot connect|ECONNREFUSED/);
});

test("a trial goes through a worker; without one it says so", async () => {
  await using on = await start();
  await using server = await modelServer({ text: "Hello." });
  const models = await on.worker("w1", { compatible: { baseUrl: server.url, key: null, models: ["m"] } });
  const asking = on.call(on.ada, "POST", "/api/v1/models/try", { model: "compatible/m" });
  while (!(await hasTrial(on.db))) await new Promise((done) => setImmediate(done));
  await answerTrial(on.db, (model) => models.attempt(model, never));
  const { status, body } = await asking;
  assert.deepEqual([status, body.ok, body.said], [200, true, "Hello."]);
});

test("the operator's catalogue adds models and replaces facts; a fault in it is said at the start", async () => {
  await using on = await start();
  const file = join(on.home, "models.json");
  const prices = { input: 1, cachedInput: 1, cacheWrite: 1, output: 2 };
  await writeFile(file, JSON.stringify({ models: [{ name: "openai/gpt-7", contextTokens: 5000, prices, efforts: ["low"] }] }));
  await on.worker("w1", openai("sk-1"));
  const [first] = (await on.list()).models;
  assert.deepEqual(first, {
    name: "openai/gpt-7",
    provider: "openai",
    contextTokens: 5000,
    maxOutputTokens: null,
    prices,
    efforts: ["low"],
  });
  await writeFile(file, JSON.stringify({ models: [{ name: "gpt-7", prices: { input: -1 } }] }));
  await assert.rejects(
    on.worker("w1"),
    (error) => error instanceof StartupError && /models\.0\.name: .*models\.0\.prices\.input/.test(error.message),
  );
});
