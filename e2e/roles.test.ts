import assert from "node:assert/strict";
import { cp, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { testDatabase } from "../packages/server/src/testing/database.ts";
import { makeGate } from "./gate.ts";
import { untilEvent } from "./integrity.ts";
import { leftovers } from "./leftovers.ts";
import { wayTo } from "./partition.ts";
import { makeRepository, script } from "./repository.ts";
import { startService } from "./service.ts";

test("an API and two workers on homes of their own share one database; one worker is killed and the other takes over", {
  timeout: 300_000,
}, async () => {
  await using database = await testDatabase();
  await using shop = await makeRepository();
  const part = (role: string, name: string, home?: string) =>
    startService({ ...(home && { home }), env: { FARHAND_ROLE: role, FARHAND_WORKER_NAME: name, DATABASE_URL: database.url } });
  await using api = await part("api", "none");
  assert.deepEqual(await (await fetch(`${api.url}/readyz`)).json(), { ready: false, missing: ["no worker is running"] });

  await using one = await part("worker", "one");
  await api.client.createEnvironment({ name: "shop", repository: shop.path });
  const gate = makeGate();
  const task = await api.client.createTask({ environment: "shop", prompt: script(`echo begun; ${gate.command}; echo x > x`) });
  const workers: string[] = [];
  for await (const event of api.client.events(task.id, { after: 0, signal: AbortSignal.timeout(240_000) })) {
    if (event.body.type === "run.started") workers.push(event.body.worker);
    if (event.body.type === "tool.output" && event.run === 1) {
      const home = await mkdtemp(join(tmpdir(), "farhand-e2e-"));
      await assert.rejects(part("worker", "two", home), /worker\.key is missing/);
      await cp(join(one.home, "keys"), join(home, "keys"), { recursive: true });
      await using two = await part("worker", "two", home);
      await one.kill();
      for await (const late of api.client.events(task.id, { after: event.seq, signal: AbortSignal.timeout(240_000) })) {
        if (late.body.type === "run.started") workers.push(late.body.worker);
        if (late.body.type === "tool.output") await gate.open();
        if (late.body.type === "attempt.succeeded") break;
      }
      const published = await api.farhand(["pr", task.id]);
      assert.equal(published.code, 0, published.stderr);
      assert.equal(two.printed().includes("fatal"), false);
      break;
    }
  }
  assert.deepEqual(workers, ["one", "two"]);
});

test("a worker whose work cannot begin ends with 1, so that whoever started it starts it again", async () => {
  await using database = await testDatabase();
  const home = await mkdtemp(join(tmpdir(), "farhand-e2e-"));
  await writeFile(join(home, "sandboxes"), "");
  await using worker = await startService({ home, env: { FARHAND_ROLE: "worker", DATABASE_URL: database.url } });
  assert.equal(await worker.stop(), 1, worker.printed());
  assert.match(worker.printed(), /the worker ends/);
});

test("a worker that is cut off from the database: another goes on with its work, and it stops its own sandboxes", {
  timeout: 300_000,
}, async () => {
  await using database = await testDatabase();
  await using way = await wayTo(database.url);
  await using shop = await makeRepository();
  const part = (role: string, name: string, url: string, home?: string) =>
    startService({
      ...(home && { home }),
      env: { FARHAND_ROLE: role, FARHAND_WORKER_NAME: name, FARHAND_LEASE_SECONDS: "1", DATABASE_URL: url },
    });
  await using api = await part("api", "none", database.url);
  await using one = await part("worker", "one", way.url);
  await api.client.createEnvironment({ name: "shop", repository: shop.path });
  const gate = makeGate();
  const task = await api.client.createTask({ environment: "shop", prompt: script("echo x > x", `ls; ${gate.command}; echo y > y`) });
  await untilEvent(api.client, task.id, ["tool.output"], AbortSignal.timeout(240_000));
  way.cut();
  const home = await mkdtemp(join(tmpdir(), "farhand-e2e-"));
  await cp(join(one.home, "keys"), join(home, "keys"), { recursive: true });
  await using _two = await part("worker", "two", database.url, home);
  await untilEvent(api.client, task.id, ["run.resumed"], AbortSignal.timeout(240_000));
  while ((await leftovers(one.home)).length > 0) await sleep(50);
  await gate.open();
  const events = await untilEvent(api.client, task.id, ["attempt.succeeded", "attempt.failed"], AbortSignal.timeout(240_000));
  assert.deepEqual(
    events.flatMap<string | number>(({ body }) =>
      body.type === "run.started" ? [body.worker] : body.type === "run.resumed" ? [body.fromStep] : [],
    ),
    ["one", "two", 3],
  );
});
