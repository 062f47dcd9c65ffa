import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import type { ModelFacts } from "@farhand/protocol";
import { openDb, sql } from "../packages/server/src/store/db.ts";
import { type ModelServer, modelServer, type Scripted } from "../packages/server/src/testing/model-server.ts";
import { makeRepository, type Repository } from "./repository.ts";
import { idIn, run, type Service, startService } from "./service.ts";

const newKey = (name: string) => `sk-${name}-${randomBytes(16).toString("hex")}`;
const KEYS = { openai: newKey("openai"), anthropic: newKey("anthropic"), compatible: newKey("compatible") };
const MODELS = { openai: "openai/gpt-6.2-sol", anthropic: "anthropic/claude-opus-5-5", compatible: "compatible/local-model" };
type Provider = keyof typeof KEYS;

let service: Service;
let shop: Repository;
const servers = {} as Record<Provider, ModelServer>;
before(async () => {
  for (const provider of ["openai", "anthropic", "compatible"] as const) servers[provider] = await modelServer();
  service = await startService({
    env: {
      OPENAI_API_KEY: KEYS.openai,
      OPENAI_BASE_URL: servers.openai.url,
      ANTHROPIC_API_KEY: KEYS.anthropic,
      ANTHROPIC_BASE_URL: servers.anthropic.url.replace(/\/v1$/, ""),
      FARHAND_COMPATIBLE_BASE_URL: servers.compatible.url,
      FARHAND_LOG_LEVEL: "debug",
    },
  });
  shop = await makeRepository({ "README.md": "# Shop\n" });
  await service.said(["env", "create", "shop", "--repo", shop.path]);
});
after(async () => {
  await service?.[Symbol.asyncDispose]();
  await shop?.[Symbol.asyncDispose]();
  for (const server of Object.values(servers)) await server[Symbol.asyncDispose]();
});

const LOOK =
  "env; cat /proc/*/environ 2>&1 | tr '\\0' '\\n'; cat /proc/1/cmdline; find / -name '*.key' 2>/dev/null; echo goodbye >> README.md";
const WORK: Scripted[] = [
  { status: 429, headers: { "retry-after": "0" }, message: "slow down" },
  { text: "I look for keys.", thought: "opaque", calls: [{ name: "shell", arguments: { command: LOOK } }] },
  { broken: { text: "Half a", calls: [{ name: "shell", arguments: { command: "rm README.md" } }] } },
  { text: "Said goodbye." },
];

test("the same task by a model of each provider, through the whole service, with its faults; and no key is anywhere it does not belong", {
  timeout: 300_000,
}, async () => {
  await service.said(["models", "set", "compatible", "--key-stdin"], KEYS.compatible);
  const names = (list: ModelFacts[]) => list.map(({ name }) => name);
  while (!names((await service.client.models()).models).includes(MODELS.compatible)) await new Promise((done) => setTimeout(done, 50));
  const shown: string[] = [];
  for (const provider of ["openai", "anthropic", "compatible"] as const) {
    servers[provider].script(...WORK);
    const said = await service.said(["exec", "--env", "shop", "--model", MODELS[provider], "--wait", "Say goodbye"]);
    assert.match(said, /! the model did not answer \(.*429: slow down\); asked again after 0 s/);
    assert.match(said, /! the model did not answer \(.*\); asked again after 1/);
    assert.match(said, /Said goodbye\./);
    assert.match(said, /\+1\/-0 • 1 file/, "a call of the reply that broke off was not run");
    const events = await service.client.eventPage(idIn(said), { limit: 500 });
    const answered = events.flatMap(({ body }) => (body.type === "step.answered" ? [body.usage] : []));
    assert.equal(answered.length, 2);
    assert.deepEqual(
      answered.map(({ inputTokens, costUsd }) => [inputTokens, costUsd === null]),
      [0, 1].map(() => [100, provider === "compatible"]),
      "an unknown price is unknown, not nothing",
    );
    shown.push(said, JSON.stringify(events), await service.said(["--json", "status", idIn(said)]));
    assert.ok(JSON.stringify(servers[provider].asked[0]?.headers).includes(KEYS[provider]));
  }

  servers.openai.script({ status: 401, message: `Incorrect API key provided: ${KEYS.openai}` });
  const refused = await service.farhand(["exec", "--env", "shop", "--model", MODELS.openai, "--wait", "Say goodbye"]);
  assert.match(refused.stdout, /the model failed: OpenAI: 401: the key was refused/);
  servers.compatible.script({ status: 400, message: `what is ${KEYS.compatible}?` });
  shown.push(refused.stdout, (await service.farhand(["models", "try", MODELS.compatible])).stdout);
  assert.match(shown.at(-1) ?? "", /400: what is \[key\]\?/);

  for (const path of ["/models", "/models/settings", "/openapi.json", "/start"]) {
    const response = await fetch(`${service.url}/api/v1${path}`, { headers: { authorization: `Bearer ${service.token}` } });
    shown.push(await response.text());
  }
  shown.push(service.printed(), await readFile(`/proc/${await service.pid("api")}/environ`, "utf8"));
  const db = openDb(await service.databaseUrl(), () => {});
  for (const { name } of await db.query<{ name: string }>(sql`select tablename as name from pg_tables where schemaname = 'public'`))
    shown.push(JSON.stringify(await db.query({ text: `select t::text as row from "${name}" t`, values: [] })));
  const blobs = await db.query<{ bytes: Buffer }>(sql`select bytes from blob_chunk`);
  shown.push(Buffer.concat(blobs.map(({ bytes }) => bytes)).toString("latin1"));
  await db.close();
  const files = await run("grep", ["-rlaF", ...Object.values(KEYS).flatMap((key) => ["-e", key]), service.home]);
  assert.equal(files.stdout, "", "in files of the home");
  assert.ok(shown.join("").includes("PATH="), "the sandbox was looked at");
  for (const key of Object.values(KEYS)) for (const text of shown) assert.ok(!text.includes(key), text.slice(0, 200));
});
