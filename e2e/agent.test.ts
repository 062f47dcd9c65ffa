import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { TOKENS } from "../packages/server/src/testing/model-server/said.ts";
import { type ModelServer, modelServer } from "../packages/server/src/testing/model-server.ts";
import { makeRepository, type Repository } from "./repository.ts";
import { idIn, type Service, startService } from "./service.ts";

const MODELS = { openai: "openai/gpt-6.2-sol", anthropic: "anthropic/claude-opus-5-5", compatible: "compatible/local-model" };
type Provider = keyof typeof MODELS;
const PROVIDERS = Object.keys(MODELS) as Provider[];

let service: Service;
let shop: Repository;
const servers = {} as Record<Provider, ModelServer>;
before(async () => {
  for (const provider of PROVIDERS) servers[provider] = await modelServer();
  service = await startService({
    env: {
      OPENAI_API_KEY: "sk-openai",
      OPENAI_BASE_URL: servers.openai.url,
      ANTHROPIC_API_KEY: "sk-anthropic",
      ANTHROPIC_BASE_URL: servers.anthropic.url.replace(/\/v1$/, ""),
      FARHAND_COMPATIBLE_BASE_URL: servers.compatible.url,
      FARHAND_COMPATIBLE_API_KEY: "sk-compatible",
    },
  });
  shop = await makeRepository({
    "AGENTS.md": "Use tabs.\n",
    "package.json": '{"scripts": {"test": "node --test"}}\n',
    "web/AGENTS.md": "Hooks only.\n",
    "web/a.txt": "a\n",
  });
  await service.said(["env", "create", "shop", "--repo", shop.path, "--check", "grep -q fixed web/a.txt"]);
  await shop.git("checkout", "--quiet", "-b", "strange");
  await shop.git("rm", "--quiet", "AGENTS.md");
  await shop.git("commit", "--quiet", "--message=No rules");
  await shop.git("checkout", "--quiet", "main");
});
after(async () => {
  await service?.[Symbol.asyncDispose]();
  await shop?.[Symbol.asyncDispose]();
  for (const server of Object.values(servers)) await server[Symbol.asyncDispose]();
});

const shell = (command: string) => ({ name: "shell", arguments: { command } });
const read = (path: string) => ({ name: "read_file", arguments: { path } });
const exec = (provider: Provider, ...more: string[]) =>
  service.farhand(["exec", "--env", "shop", "--model", MODELS[provider], "--wait", ...more]);

for (const provider of PROVIDERS) {
  test(`the work of an agent in the form of ${provider}: told of the repository, checked, and described`, {
    timeout: 120_000,
  }, async () => {
    const server = servers[provider];
    const from = server.asked.length;
    server.script(
      { text: "I look.", calls: [read("package.json"), read("web/a.txt")] },
      { calls: [shell("echo broken >> web/a.txt"), { name: "browse", arguments: "{half" }] },
      { text: "Done." },
      { calls: [shell("echo fixed >> web/a.txt")] },
      { text: "Mended web/a.txt:3." },
      { text: "Mend the text of the web\n\nIt was not fixed.\n\nCo-authored-by: Eve <e@example.org>" },
    );
    const { stdout: said, code } = await exec(provider, "Mend it");
    assert.equal(code, 0, said);
    assert.match(said, /! checks failed, and the agent was told/);
    assert.match(said, /✔ the check passed\n✔ \+2\/-0 • 1 file/);

    const bodies = server.asked.slice(from).map(({ body }) => JSON.stringify(body));
    assert.equal(bodies.length, 6);
    const [first = "", second = "", third = ""] = bodies;
    assert.ok(first.includes("Use tabs.") && first.includes("npm run test: node --test") && first.includes("System: "), first);
    assert.ok(!first.includes("Hooks only.") && second.includes("Hooks only."));
    assert.ok(third.includes("browse"));
    assert.match(bodies[3] ?? "", /1 of 1 failed/);
    assert.ok(bodies[5]?.includes("+broken") && !bodies[5].includes("Hooks only."));

    const id = idIn(said);
    const branch = /farhand\/[\w-]+/.exec(await service.said(["pr", id]))?.[0] ?? assert.fail(said);
    assert.equal(
      await shop.git("log", "-1", "--format=%B", branch),
      `Mend the text of the web\n\nIt was not fixed.\n\nFarhand-Task: ${id}`,
    );
    assert.match(branch, /^farhand\/mend-it-\w+$/, "chosen once");
    assert.equal((await service.client.task(id)).title, "Mend the text of the web");
    const events = await service.client.eventPage(id, { limit: 500 });
    const used = events.flatMap(({ body }) => (body.type === "step.answered" || body.type === "change.described" ? [body.usage] : []));
    assert.deepEqual(
      used.map(({ inputTokens }) => inputTokens),
      Array.from({ length: 6 }, () => TOKENS.input),
    );
  });
}

test("a question is answered, and nothing that was changed is kept", { timeout: 300_000 }, async () => {
  servers.openai.script({ calls: [shell("echo tried > tried.txt")] }, { text: "It is so: web/a.txt:1." });
  const { stdout: said, code } = await exec("openai", "--mode", "ask", "Is it so?");
  assert.equal(code, 0, said);
  assert.match(said, /It is so: web\/a\.txt:1\.[\s\S]*✔ answered/);
  assert.doesNotMatch(said, /grep -q fixed/);
  const task = await service.client.task(idIn(said));
  assert.equal(task.status, "answered");
  assert.deepEqual(
    task.attempts.map((one) => one.state === "succeeded" && one.stats.files),
    [0],
  );
});

test("a question after a change leaves the change as it is: published, gone on from, published again", { timeout: 300_000 }, async () => {
  const server = servers.openai;
  server.script({ calls: [shell("echo fixed >> web/a.txt")] }, { text: "Fixed." }, { text: "Fix the web" });
  const { stdout: said } = await exec("openai", "Fix it");
  const id = idIn(said);
  const patch = await service.said(["diff", id]);
  const reply = (...args: string[]) => service.said(["reply", id, "--wait", ...args]);

  server.script({ calls: [shell("tail -1 web/a.txt; echo tried > tried.txt")] }, { text: "Because it was broken." });
  assert.match(await reply("--mode", "ask", "Why?"), /^ {2}fixed$[\s\S]*Because it was broken\.[\s\S]*✔ answered/m);
  const asked = await service.client.task(id);
  assert.deepEqual([asked.status, asked.statusText, asked.mode], ["ready", "answered; the change is ready to review", "ask"]);
  assert.equal(await service.said(["diff", id]), patch);
  const branch = /farhand\/[\w-]+/.exec(await service.said(["pr", id]))?.[0] ?? assert.fail();
  assert.equal(await shop.git("log", "-1", "--format=%s", branch), "Fix the web");
  const commit = await shop.git("rev-parse", branch);

  server.script({ text: "As I said." });
  await reply("Really?");
  const again = await service.client.task(id);
  assert.deepEqual([again.mode, again.status], ["ask", "published"], "the mode stays until another is named");
  await service.said(["pr", id]);
  assert.equal(await shop.git("rev-parse", branch), commit, "it is published already");

  server.script({ calls: [shell("ls; echo more >> web/a.txt")] }, { text: "More." }, { text: "Fix the web, and more" });
  const more = await reply("--mode", "code", "Do more");
  assert.ok(!more.includes("tried.txt"), more);
  assert.deepEqual([(await service.client.task(id)).status, (await service.client.task(id)).title], ["ready", "Fix the web, and more"]);
  await service.said(["pr", id]);
  assert.match(await shop.git("show", `${branch}:web/a.txt`), /fixed\nmore$/);
});

test("a question that is stopped while it asks something itself leaves no change", { timeout: 300_000 }, async () => {
  servers.openai.script({ calls: [shell("echo tried > tried.txt")] }, { calls: [{ name: "ask_user", arguments: { question: "Which?" } }] });
  const id = idIn((await exec("openai", "--mode", "ask", "Is it so?")).stdout);
  assert.match((await service.client.task(id)).statusText, /asks: Which\?/);
  await service.said(["stop", id]);
  const task = await service.client.task(id);
  assert.deepEqual(
    task.attempts.map((one) => one.state === "succeeded" && one.stats.files),
    [0],
  );
  assert.match((await service.farhand(["diff", id])).stderr, /has changed nothing/);
});

test("a branch of somebody else does not bring its own instructions, nor take those of the environment's branch away", {
  timeout: 300_000,
}, async () => {
  const from = servers.openai.asked.length;
  servers.openai.script({ text: "Nothing to do." });
  const { stdout: said, code } = await exec("openai", "--branch", "strange", "Look");
  assert.equal(code, 0, said);
  assert.ok(JSON.stringify(servers.openai.asked[from]?.body).includes("Use tabs."));
});

test("at a limit the work stops and is kept, and goes on in the next turn with a higher one", { timeout: 300_000 }, async () => {
  servers.openai.script({ text: "First.", calls: [shell("echo fixed >> web/a.txt")] });
  const { stdout: said, code } = await exec("openai", "--max-steps", "1", "Do much");
  assert.notEqual(code, 0);
  assert.match(said, /reached its limit of 1 step/);
  const id = idIn(said);
  assert.match(await service.said(["diff", id]), /^\+fixed$/m);

  servers.openai.script({ text: "That was all." }, { text: "Fix the web" });
  const more = await service.farhand(["reply", "--max-steps", "5", "--wait", id, "Go on"]);
  assert.equal(more.code, 0, more.stdout + more.stderr);
  assert.match(await service.said(["diff", id]), /^\+fixed$/m);
});
