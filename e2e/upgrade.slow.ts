import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import type { TaskEvent } from "@farhand/protocol";
import { makeRepository, script } from "./repository.ts";
import { run, type Service, startService } from "./service.ts";

const program = fileURLToPath(new URL("../packages/server/src/backup/main.ts", import.meta.url));

/**
 * Services of earlier versions, each with the schema that its name tells: written by those versions at work, then backed up. Each has a task that
 * was published, and others that are ready, failed, cancelled, archived, and that ran when its service was killed.
 */
const folder = fileURLToPath(new URL("../packages/server/src/backup/testing/", import.meta.url));
const STATUS = { published: "published", ready: "ready", failed: "failed", cancelled: "cancelled" };

async function until(service: Service, task: string, types: readonly TaskEvent["body"]["type"][]): Promise<TaskEvent> {
  for await (const event of service.client.events(task, { after: 0, signal: AbortSignal.timeout(60_000) }))
    if (types.includes(event.body.type)) return event;
  return assert.fail(`none of ${types} came`);
}

for (const name of readdirSync(folder).sort()) {
  test(`data of schema ${name.slice(0, 4)} are brought to this version, read, and worked with`, { timeout: 120_000 }, async () => {
    const home = await mkdtemp(join(tmpdir(), "farhand-e2e-upgrade-"));
    await chmod(home, 0o711);
    await using _remove = { [Symbol.asyncDispose]: () => rm(home, { recursive: true, force: true }) };
    const restored = await run(process.execPath, [program, "restore", join(folder, name)], { PATH: process.env.PATH, FARHAND_HOME: home });
    assert.equal(restored.code, 0, restored.stderr);
    await using service = await startService({ home, keepHome: true });
    const { client } = service;

    const { tasks } = await client.tasks({ limit: 100 });
    const archived = (await client.tasks({ archived: true })).tasks;
    const interrupted = tasks.find(({ title }) => title === "interrupted") ?? assert.fail("no task was running");
    assert.deepEqual(Object.fromEntries(tasks.filter((task) => task !== interrupted).map(({ title, status }) => [title, status])), STATUS);
    assert.deepEqual(
      archived.map(({ title }) => title),
      ["archived"],
    );
    for (const { id } of [...tasks, ...archived]) {
      const events = await client.eventPage(id, { limit: 500 });
      assert.deepEqual(
        events.map(({ seq }) => seq),
        events.map((_, i) => i + 1),
      );
      assert.deepEqual(
        events.slice(0, 2).map(({ body }) => body.type),
        ["task.created", "turn.started"],
      );
      assert.ok(events.filter(({ attempt }) => attempt !== null).every(({ turn }) => turn === 1));
      assert.ok(!events.some(({ body }) => (body.type as string) === "step.finished"));
      assert.equal((await client.task(id)).id, id);
    }

    const published = tasks.find(({ title }) => title === "published") ?? assert.fail();
    assert.match(Buffer.from(await client.patch(published.id, 1)).toString(), /\+changed/);
    const stored = (await client.eventPage(published.id, { limit: 500 })).flatMap(({ body }) =>
      body.type === "tool.finished" && body.output ? [body.output] : [],
    );
    for (const { blob, bytes } of stored) assert.equal((await client.output(published.id, blob)).length, bytes);
    assert.equal((await service.farhand(["watch", published.id])).code, 0);

    // Its repository is not on this machine, so this is how it ends; but it has its run.
    await until(service, interrupted.id, ["run.interrupted"]);
    const end = await until(service, interrupted.id, ["attempt.failed", "attempt.succeeded"]);
    assert.equal(end.body.type === "attempt.failed" && end.body.reason.kind, "checkout-failed");

    const environment = await client.environment("shop");
    await using shop = await makeRepository();
    await using _clone = { [Symbol.asyncDispose]: () => rm(environment.repository, { recursive: true, force: true }) };
    await shop.git("clone", "--quiet", shop.path, environment.repository);
    const task = await client.createTask({ environment: "shop", prompt: script("echo new > new") });
    const done = await until(service, task.id, ["attempt.failed", "attempt.succeeded"]);
    assert.equal(done.body.type, "attempt.succeeded", "and where there is a setup, its secret could be opened");
    assert.equal(environment.setup !== "", Number.parseInt(name, 10) >= 4);
  });
}
