import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { makeRepository, script } from "./repository.ts";
import { idIn, type Service, startService } from "./service.ts";

let service: Service;
before(async () => {
  service = await startService();
});
after(async () => {
  await service[Symbol.asyncDispose]();
});

const farhand = (args: readonly string[], stdin = "") => service.said(args, stdin);
const sandboxes = () => readdir(join(service.home, "sandboxes"));

async function eventually(holds: () => Promise<boolean>): Promise<void> {
  for (const limit = AbortSignal.timeout(240_000); !(await holds()); await new Promise((done) => setTimeout(done, 50)))
    limit.throwIfAborted();
}

/** What the last attempt's phase `sandbox` said of where it came from. */
async function origin(task: string): Promise<string> {
  const events = await service.client.eventPage(task, { after: 0, limit: 500 });
  const notes = events.flatMap(({ body }) => (body.type === "phase.finished" && body.phase === "sandbox" ? [body.note ?? ""] : []));
  return notes.at(-1) ?? "";
}

test("a follow-up finds the machine as it was left, with the patch of both; after a crash of the worker, a new one", {
  timeout: 300_000,
}, async () => {
  await using shop = await makeRepository({ "README.md": "# Shop\n", ".gitignore": "cache\n" });
  await farhand(["env", "create", "kept", "--repo", shop.path]);
  const left = "echo one > one; echo x > cache; echo y > /tmp/outside; (while :; do sleep 1; done) > /dev/null 2>&1 & echo $! > /tmp/pid";
  const id = idIn(await farhand(["exec", "--env", "kept", "--title", "Keep", "--wait", "-"], script(left)));
  const warm = await farhand(
    ["reply", id, "--wait", "-"],
    script('cat one cache /tmp/outside; kill -0 "$(cat /tmp/pid)" && echo lives; echo two > two'),
  );
  assert.match(warm, /one\n[\s\S]*x\n[\s\S]*y\n[\s\S]*lives/);
  assert.match(await origin(id), /kept since before/);
  assert.match(await farhand(["diff", id]), /^\+one$[\s\S]*^\+two$/m);
  assert.doesNotMatch(await farhand(["diff", id]), /cache/);

  process.kill(await service.pid("worker"), "SIGKILL");
  const cold = await farhand(["reply", id, "--wait", "-"], script("cat one two; ls cache /tmp/outside || echo gone; rm one"));
  assert.match(cold, /one\n[\s\S]*two\n[\s\S]*gone/);
  assert.doesNotMatch(await origin(id), /kept/);
  assert.match(await farhand(["diff", id]), /^\+two$/m);
  assert.doesNotMatch(await farhand(["diff", id]), /^\+one$/m);

  await eventually(async () => (await sandboxes()).length === 1);
  await farhand(["archive", id]);
  await eventually(async () => (await sandboxes()).length === 0);
});

test("a machine is not taken up where something left running has gone on with the tree, nor after a stop", {
  timeout: 300_000,
}, async () => {
  await using shop = await makeRepository();
  await farhand(["env", "create", "changed", "--repo", shop.path]);
  const left =
    "(while :; do date +%N > .git/late; mv .git/late late; sleep 0.02; done) > /dev/null 2>&1 & until [ -s late ]; do sleep 0.02; done";
  const id = idIn(await farhand(["exec", "--env", "changed", "--wait", "-"], script(left)));
  const diff = await farhand(["diff", id]);
  await farhand(["reply", id, "--wait", "-"], script("cat late"));
  assert.doesNotMatch(await origin(id), /kept/);
  assert.equal(await farhand(["diff", id]), diff);

  await farhand(["reply", id, "-"], script("sleep 1000"));
  for await (const { body } of service.client.events(id, { after: 0, signal: AbortSignal.timeout(240_000) }))
    if (body.type === "tool.started" && JSON.stringify(body).includes("sleep 1000")) break;
  await farhand(["stop", id]);
  await eventually(async () => (await service.client.task(id)).attempts.every(({ state }) => state === "succeeded"));
  await eventually(async () => (await sandboxes()).length === 0);
});
