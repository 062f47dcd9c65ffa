import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { TaskEvent } from "@farhand/protocol";
import { openDb, sql } from "../packages/server/src/store/db.ts";
import { hasEnded } from "../packages/server/src/store/postgres/process-state.ts";
import { makeGate } from "./gate.ts";
import { commandLines } from "./processes.ts";
import { makeRepository, script } from "./repository.ts";
import { run, type Service, startService } from "./service.ts";

let service: Service;
before(async () => {
  service = await startService();
});
after(async () => {
  await service[Symbol.asyncDispose]();
});

/** Waits until commands of the task have printed this. */
async function untilOutput(id: string, text: string): Promise<void> {
  let printed = "";
  for await (const { body } of service.client.events(id, { after: 0, signal: AbortSignal.timeout(240_000) })) {
    if (body.type === "tool.output") printed += body.text;
    if (printed.includes(text)) return;
  }
}

async function until(id: string, type: TaskEvent["body"]["type"], on = service): Promise<TaskEvent[]> {
  const seen: TaskEvent[] = [];
  for await (const event of on.client.events(id, { after: 0, signal: AbortSignal.timeout(240_000) })) {
    seen.push(event);
    if (event.body.type === type) return seen;
  }
  const cutOff = seen.flatMap(({ at, body }) => (body.type === "run.interrupted" ? [`${at} ${body.detail}`] : []));
  return assert.fail(`no ${type} came: ${seen.map((event) => event.body.type)}; cut off: ${cutOff}; the service said: ${on.printed()}`);
}

const gapless = (events: readonly TaskEvent[]) =>
  assert.deepEqual(
    events.map((event) => event.seq),
    events.map((_, i) => i + 1),
  );

test("the worker is killed while a command runs: the attempt runs again, by itself, and ends well", { timeout: 300_000 }, async () => {
  await using shop = await makeRepository();
  await service.client.createEnvironment({ name: "killed", repository: shop.path });
  const gate = makeGate();
  const task = await service.client.createTask({ environment: "killed", prompt: script(`echo x > x; echo begun; ${gate.command}`) });
  await until(task.id, "tool.output");
  process.kill(await service.pid("worker"), "SIGKILL");
  await until(task.id, "run.resumed");
  await gate.open();
  const events = await until(task.id, "attempt.succeeded");
  gapless(events);
  assert.deepEqual(
    events.filter((event) => /^run\./.test(event.body.type)).map((event) => [event.body.type, event.run]),
    [
      ["run.started", 1],
      ["run.interrupted", 1],
      ["run.started", 2],
      ["run.resumed", 2],
    ],
  );
  assert.deepEqual(await leftWith(gate.command), [], "no process of the lost run is left");
});

test("a run that is cut off goes on with the step after the last that was done, in a new sandbox with the files of that", {
  timeout: 300_000,
}, async () => {
  await using shop = await makeRepository({ "README.md": "# Shop\n", ".gitignore": "ignored\n" });
  await service.client.createEnvironment({ name: "resumed", repository: shop.path });
  const blocks = [
    "echo one > one; echo gone > ignored; echo gone > /tmp/outside; rm README.md",
    "echo two > two; test -e ignored || { echo again; exit 0; }; echo half > one; echo begun; sleep 60",
    "cat one two; ls -A",
  ];
  const task = await service.client.createTask({ environment: "resumed", prompt: script(...blocks) });
  await untilOutput(task.id, "begun\n");
  process.kill(await service.pid("worker"), "SIGKILL");
  const events = await until(task.id, "attempt.succeeded");
  gapless(events);
  const bodies = events.map((event) => event.body);
  const calls = (type: "tool.started" | "tool.finished") => bodies.flatMap((body) => (body.type === type ? [body.call] : []));
  assert.deepEqual(calls("tool.started"), ["1.1", "2.1", "3.1", "4.1"]);
  assert.deepEqual(calls("tool.finished"), ["1.1", "3.1", "4.1"], "what was done is not done again");
  assert.deepEqual(
    bodies.flatMap((body) => (body.type === "run.resumed" ? [[body.fromStep, body.lost]] : [])),
    [[3, null]],
  );
  const output = bodies.flatMap((body) => (body.type === "tool.output" ? [body.text] : [])).join("");
  assert.equal(output, "begun\nagain\none\ntwo\n.git\n.gitignore\none\ntwo\n");
  const published = await service.farhand(["pr", task.id]);
  assert.equal(published.code, 0, published.stderr);
  const branch = /farhand\/\S+/.exec(published.stdout)?.[0] ?? "";
  assert.equal(await shop.git("ls-tree", "--name-only", branch), ".gitignore\none\ntwo");
});

test("a checkpoint that cannot be restored: the attempt begins anew, and says so", { timeout: 300_000 }, async () => {
  await using shop = await makeRepository();
  await service.client.createEnvironment({ name: "broken", repository: shop.path });
  const gate = makeGate();
  const prompt = script("echo one > one", `echo begun; ${gate.command}`);
  const task = await service.client.createTask({ environment: "broken", prompt });
  await untilOutput(task.id, "begun\n");
  const db = openDb(await service.databaseUrl(), () => {});
  await db.query(sql`delete from blob where task_id = ${task.id} and kind = 'checkpoint'`);
  await db.close();
  process.kill(await service.pid("worker"), "SIGKILL");
  await until(task.id, "run.resumed");
  await gate.open();
  const events = await until(task.id, "attempt.succeeded");
  gapless(events);
  const resumed = events.flatMap(({ body }) => (body.type === "run.resumed" ? [body] : []));
  assert.deepEqual([resumed.length, resumed[0]?.keptUntil], [1, 0]);
  assert.match(resumed[0]?.lost ?? "", /could not be restored/);
  const watched = await service.farhand(["watch", task.id]);
  assert.match(watched.stdout, /started again \(run 2\): the saved working tree could not be restored/);
});

test("the API is killed: it is back, and a reader of events misses nothing", { timeout: 300_000 }, async () => {
  await using shop = await makeRepository();
  await service.client.createEnvironment({ name: "api-killed", repository: shop.path });
  const gate = makeGate();
  const prompt = script(`echo 1; ${gate.command}; for i in 2 3 4 5 6; do echo $i; sleep 0.1; done`);
  const task = await service.client.createTask({ environment: "api-killed", prompt });
  const reading = until(task.id, "attempt.succeeded");
  await until(task.id, "tool.output");
  process.kill(await service.pid("api"), "SIGKILL");
  await gate.open();
  const events = await reading;
  gapless(events);
  const output = events.flatMap((event) => (event.body.type === "tool.output" ? [event.body.text] : [])).join("");
  assert.equal(output, "1\n2\n3\n4\n5\n6\n");
});

test("the database is killed while a command runs: it is back, and no event or output is lost or doubled", {
  timeout: 300_000,
}, async () => {
  await using shop = await makeRepository();
  await service.client.createEnvironment({ name: "database-killed", repository: shop.path });
  const gate = makeGate();
  const prompt = script(`echo 1; ${gate.command}; for i in 2 3 4 5 6 7 8; do echo $i; sleep 0.1; done; echo x > x`);
  const task = await service.client.createTask({ environment: "database-killed", prompt });
  await until(task.id, "tool.output");
  const pid = await readFile(join(service.home, "database/data/postmaster.pid"), "utf8");
  process.kill(Number.parseInt(pid, 10), "SIGKILL");
  await gate.open();
  const events = await until(task.id, "attempt.succeeded");
  gapless(events);
  const output = events.flatMap((event) => (event.body.type === "tool.output" ? [event.body.text] : [])).join("");
  assert.equal(output, "1\n2\n3\n4\n5\n6\n7\n8\n");
  assert.equal(events.filter((event) => event.body.type === "run.started").length, 1, "the same run went on");
});

test("everything is killed at once: a new start goes on with what was accepted", { timeout: 300_000 }, async () => {
  await using shop = await makeRepository();
  const first = await startService({ keepHome: true });
  await first.client.createEnvironment({ name: "shop", repository: shop.path });
  const gate = makeGate();
  const task = await first.client.createTask({ environment: "shop", prompt: script(`${gate.command}; echo x > x`) });
  await until(task.id, "tool.started", first);
  const parts = [await first.pid("api"), await first.pid("worker")];
  await first.kill();
  for (const pid of parts) assert.ok(await hasEnded(pid, 60_000), `process ${pid} lives on without its supervisor`);
  await using second = await startService({ home: first.home });
  await until(task.id, "run.resumed", second);
  await gate.open();
  const events = await until(task.id, "attempt.succeeded", second);
  gapless(events);
  const published = await second.farhand(["pr", task.id]);
  assert.equal(published.code, 0, published.stderr);
});

test("SIGTERM: what runs is queued again, and nothing is left running", { timeout: 300_000 }, async () => {
  await using shop = await makeRepository();
  const own = await startService({ keepHome: true });
  try {
    await own.client.createEnvironment({ name: "shop", repository: shop.path });
    const task = await own.client.createTask({ environment: "shop", prompt: script("echo begun; sleep 987") });
    await until(task.id, "tool.output", own);
    assert.equal(await own.stop(), 0, own.printed());
    assert.deepEqual([...(await leftWith("sleep 987")), ...(await leftWith(own.home))], [], "no process of the service is left");
    const again = await startService({ home: own.home, keepHome: true });
    await until(task.id, "run.interrupted", again);
    await again.client.cancel(task.id);
    await until(task.id, "attempt.cancelled", again);
    await again.stop();
  } finally {
    await rm(own.home, { recursive: true, force: true, maxRetries: 3 });
  }
});

test("a second start on one home is refused and says who holds it; so is a port that is taken", { timeout: 300_000 }, async () => {
  await assert.rejects(startService({ home: service.home, keepHome: true }), /is used by|already/i);
  await assert.rejects(startService({ env: { FARHAND_PORT: new URL(service.url).port } }), /FARHAND_PORT/);
});

test("what cannot work is refused with its name and the way out", { timeout: 300_000 }, async () => {
  await using shop = await makeRepository();
  await using empty = await makeEmpty();
  const create = (name: string, ...args: string[]) => service.farhand(["env", "create", name, ...args]);
  const cases: [Promise<{ code: number; stderr: string }>, RegExp][] = [
    [create("a1", "--repo", "/nowhere/at/all"), /no repository at \/nowhere\/at\/all/],
    [create("a2", "--repo", tmpdir()), /no Git repository|is no/],
    [create("a3", "--repo", "ssh://git@example.org/x.git"), /https/],
    [create("a4", "--repo", shop.path, "--branch", "nope"), /no branch.*nope/],
    [create("a5", "--repo", empty.path), /empty|no commit/i],
    [create("A 6", "--repo", shop.path), /name/i],
    [service.farhand(["exec", "--env", "nope", "-"], "x"), /no environment nope/],
    [service.farhand(["exec", "--env", "nope", "-"], "  "), /prompt/i],
    [service.farhand(["status", "task_0000000000000000"]), /no task/],
    [service.farhand(["diff", "what?"]), /no task what/],
  ];
  for (const [ran, words] of cases) {
    const { code, stderr } = await ran;
    assert.notEqual(code, 0);
    assert.match(stderr, words);
    assert.doesNotMatch(stderr, /\n\s+at /, "no stack trace");
  }
  await create("gone", "--repo", shop.path);
  const missing = await service.farhand(["exec", "--env", "gone", "--branch", "missing", "--wait", "-"], script("true"));
  assert.equal(missing.code, 1);
  assert.match(missing.stdout + missing.stderr, /checkout failed: .*missing/);
  const large = await fetch(`${service.url}/api/v1/tasks`, {
    method: "POST",
    headers: { authorization: `Bearer ${service.token}`, "content-type": "application/json" },
    body: JSON.stringify({ environment: "gone", prompt: "x".repeat(50_000_000) }),
  }).catch((error) => error);
  if (large instanceof Response) assert.equal(large.status, 413);
  assert.equal((await service.client.me()).role, "administrator", "the service goes on");
});

test("output and file names that are no UTF-8 harm nothing", { timeout: 300_000 }, async () => {
  await using shop = await makeRepository();
  await service.client.createEnvironment({ name: "bytes", repository: shop.path });
  const ran = await service.farhand(
    ["exec", "--env", "bytes", "--wait", "-"],
    script("printf 'a\\377b\\000c\\033[31mred\\033]0;title\\007\\n'; printf x > \"$(printf 'f\\377.txt')\""),
  );
  assert.equal(ran.code, 0, ran.stderr);
  assert.doesNotMatch(ran.stdout, /\x1b|\x07|\0/);
  const [id] = /task_\w{16}/.exec(ran.stdout) ?? assert.fail();
  const published = await service.farhand(["pr", id]);
  assert.equal(published.code, 0, published.stderr);
  const names = await shop.git("-c", "core.quotePath=true", "ls-tree", "--name-only", /farhand\/\S+/.exec(published.stdout)?.[0] ?? "");
  assert.match(names, /"f\\377\.txt"/);
});

/** The command lines of this machine that contain the text. What was killed has some seconds to go. */
async function leftWith(text: string): Promise<string[]> {
  for (const limit = AbortSignal.timeout(20_000); ; await sleep(50)) {
    const found = (await commandLines()).map(({ line }) => line).filter((line) => line.includes(text));
    if (found.length === 0 || limit.aborted) return found;
  }
}

async function makeEmpty() {
  const path = await mkdtemp(join(tmpdir(), "farhand-empty-"));
  await mkdir(path, { recursive: true });
  await writeFile(join(path, ".keep"), "");
  await run("git", ["init", "--quiet", path]);
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
