import assert from "node:assert/strict";
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import pino from "pino";
import { Registry } from "prom-client";
import { readConfig } from "../config.ts";
import { openBlob, readBlob } from "../store/blobs.ts";
import { type Db, sql } from "../store/db.ts";
import { databaseUse, workerDisks } from "../store/disk-use.ts";
import { readEvents } from "../store/event-log.ts";
import { appendRunEvents, claim, type Lease, settle } from "../store/leases.ts";
import { removeOld } from "../store/retention.ts";
import { workerSeen } from "../store/workers.ts";
import { testFolder } from "../testing/git-repository.ts";
import { testStore } from "../testing/store.ts";
import { measure, tidy, type UpkeepParts } from "./upkeep.ts";

const { signal } = new AbortController();
const LIMITS = { maxRuns: 10, maxRunsPerUser: 10, maxRunsPerWorker: 10 };
const KEEP = { outputs: 10, checkpoints: 20, archived: 30, mirrors: 40, audit: 50 };
const ago = (days: number) => new Date(Date.now() - days * 86_400_000);

async function blob(db: Db, task: string, kind: "output" | "checkpoint" | "patch", text: string): Promise<string> {
  const writer = await openBlob(db, task, kind, 1000);
  await writer.write(Buffer.from(text));
  await writer.close();
  return writer.id;
}

/** A task with one attempt that ran a command; `end` settles it. */
async function ran(db: Db, give: () => Promise<string>, end = true): Promise<{ task: string; lease: Lease; output: string; tree: string }> {
  const task = await give();
  const lease = (await claim(db, "one", 60_000, LIMITS)) ?? assert.fail("nothing to claim");
  const output = await blob(db, task, "output", "whole output");
  const tree = await blob(db, task, "checkpoint", "pack");
  const stored = { blob: output, bytes: 12, truncated: false };
  const at = { exit: { kind: "exited", code: 0 } as const, durationMs: 1 };
  await appendRunEvents(db, lease, 0, [
    { type: "message", step: 1, text: "I look" },
    { type: "tool.started", step: 1, call: "1", tool: "shell", input: { command: "cat secret-plan" } },
    { type: "tool.output", call: "1", stream: "stdout", text: "whole" },
    { type: "tool.finished", call: "1", isError: false, result: "whole output", output: stored, ...at },
  ]);
  await db.query(
    sql`insert into checkpoint (attempt_id, number, seq, tree, packs) values (${lease.attemptId}, 1, 3, 'abc', ${[tree]}::text[])`,
  );
  if (end) await settle(db, lease, { kind: "cancelled" });
  return { task, lease, output, tree };
}

const age = (db: Db, task: string, days: number) =>
  db.query(sql`
  with t as (update task set updated_at = ${ago(days)}, archived_at = case when archived_at is null then null else ${ago(days)}::timestamptz end where id = ${task})
  update blob set created_at = ${ago(days)} where task_id = ${task}`);

const isThere = (db: Db, task: string, id: string, kind: "output" | "checkpoint") =>
  readBlob(db, task, id, kind).then(
    () => true,
    () => false,
  );

test("what is older than it has to be kept goes, what is younger or in use stays, and what is gone is said to be", async () => {
  await using store = await testStore();
  const { db } = store;
  const old = await ran(db, store.give);
  const young = await ran(db, store.give);
  const used = await ran(db, store.give, false);
  for (const { task } of [old, used]) await age(db, task, 25);
  await age(db, young.task, 5);
  const half = await openBlob(db, old.task, "output", 10);
  await db.query(sql`update blob set created_at = ${ago(2)} where id = ${half.id}`);

  const removed = await removeOld(db, KEEP, signal);
  assert.deepEqual(
    removed.map(({ what, count, bytes }) => [what, count, bytes]),
    [
      ["outputs", 1, 12],
      ["working trees of tasks", 1, 4],
      ["unfinished outputs", 1, 0],
    ],
  );
  const there = await Promise.all(
    [old, young, used].map(async ({ task, output, tree }) => [
      await isThere(db, task, output, "output"),
      await isThere(db, task, tree, "checkpoint"),
    ]),
  );
  assert.deepEqual(there, [
    [false, false],
    [true, true],
    [true, true],
  ]);
  await assert.rejects(readBlob(db, old.task, old.output, "output"), /was removed on \d{4}-/);
  const [chunks] = await db.query<{ count: number }>(
    sql`select count(*)::int as count from blob_chunk where blob_id in (${old.output}, ${old.tree})`,
  );
  assert.equal(chunks?.count, 0);
  const trees = await db.query<{ tree: string | null }>(sql`select tree from checkpoint where attempt_id = ${old.lease.attemptId}`);
  assert.deepEqual(trees, [{ tree: null }]);
  assert.deepEqual(await removeOld(db, KEEP, signal), [], "a second time there is nothing left to do");
});

test("a pack that no checkpoint names goes after a day, unless its task works", async () => {
  await using store = await testStore();
  const { db } = store;
  const ended = await ran(db, store.give);
  const working = await ran(db, store.give, false);
  const loose = await Promise.all([ended, working].map(({ task }) => blob(db, task, "checkpoint", "loose")));
  const fresh = await blob(db, ended.task, "checkpoint", "fresh");
  await db.query(sql`update blob set created_at = ${ago(2)} where id = any(${[...loose, ended.tree]}::text[])`);
  assert.deepEqual(await removeOld(db, KEEP, signal), [{ what: "working trees that nothing stands on", count: 1, bytes: 5 }]);
  const left = await db.query<{ id: string }>(sql`select id from blob where kind = 'checkpoint'`);
  assert.deepEqual(left.map(({ id }) => id).sort(), [ended.tree, working.tree, loose[1], fresh].sort());
});

test("a task that was archived long ago keeps its words and its places, and loses its commands", async () => {
  await using store = await testStore();
  const { db } = store;
  const { task, lease, output } = await ran(db, store.give);
  await db.query(sql`insert into conversation (attempt_id, number, message) values (${lease.attemptId}, 1, '{}')`);
  await db.query(sql`update task set archived_at = now() where id = ${task}`);
  const before = await readEvents(db, task, 0);
  await age(db, task, 29);
  assert.ok(!(await removeOld(db, { ...KEEP, outputs: 99, checkpoints: 99 }, signal)).some(({ what }) => /archived/.test(what)));
  await age(db, task, 31);
  await removeOld(db, { ...KEEP, outputs: 99, checkpoints: 99 }, signal);
  const after = await readEvents(db, task, 0);
  assert.deepEqual(
    after.map(({ seq, turn, attempt, body }) => [seq, turn, attempt, body.type]),
    before.map(({ seq, turn, attempt, body }) => [seq, turn, attempt, body.type.startsWith("tool.") ? "event.removed" : body.type]),
  );
  assert.ok(!JSON.stringify(after).includes("secret-plan"));
  assert.equal(await isThere(db, task, output, "output"), false);
  assert.deepEqual(await db.query(sql`select * from conversation`), []);
  assert.deepEqual(await removeOld(db, KEEP, signal), []);
});

test("expired links, old keys and old records go", async () => {
  await using store = await testStore();
  const { db, user } = store;
  for (const days of [60, 1]) {
    await db.query(sql`insert into audit (at, actor, action, target) values (${ago(days)}, 'a', 'b', 'c')`);
    await db.query(
      sql`insert into idempotency (user_id, key, request, created_at) values (${user.id}, ${`key ${days}`}, '', ${ago(days)})`,
    );
    await db.query(sql`insert into login_link (hash, user_id, expires_at) values (${Buffer.from(String(days))}, ${user.id}, ${ago(days)})`);
  }
  const removed = await removeOld(db, KEEP, signal);
  assert.deepEqual(
    removed.map(({ what, count }) => [what, count]),
    [
      ["idempotency keys", 1],
      ["expired login links", 1],
      ["audit records", 1],
    ],
  );
});

test("two workers at once: each night the database is tidied by one of them, and each tidies its own mirrors", async () => {
  await using store = await testStore();
  await using folder = await testFolder();
  const { db } = store;
  const task = await store.give();
  const [repository] = await db.query<{ id: string }>(sql`select id from repository`);
  const parts = (name: string): UpkeepParts => ({
    db,
    config: readConfig({ FARHAND_HOME: join(folder.path, name), FARHAND_WORKER_NAME: name }, false),
    log: pino({ level: "silent" }),
    metrics: new Registry(),
  });
  for (const name of ["one", "two"])
    for (const id of [repository?.id, "repo_unknown"]) await mkdir(join(folder.path, name, "mirrors", `${id}.git`), { recursive: true });
  await db.query(sql`insert into audit (at, actor, action, target) values (${ago(999)}, 'a', 'b', 'c')`);
  await Promise.all(["one", "two"].map((name) => tidy(parts(name), signal)));
  const jobs = await db.query<{ job: string; detail: string; done: boolean }>(
    sql`select job, detail, finished_at is not null as done from nightly order by job`,
  );
  assert.deepEqual(jobs, [
    { job: "database", detail: "1 audit records", done: true },
    { job: "mirrors of one", detail: "1 mirrors", done: true },
    { job: "mirrors of two", detail: "1 mirrors", done: true },
  ]);
  const mirrors = async () => (await readdir(join(folder.path, "one/mirrors"))).filter((name) => name.endsWith(".git"));
  assert.deepEqual(await mirrors(), [`${repository?.id}.git`], "a task waits for it");

  await db.query(sql`update task set updated_at = ${ago(100)}`);
  await db.query(sql`update nightly set night = night - 1`);
  await tidy(parts("one"), signal);
  assert.equal((await mirrors()).length, 1, "a task still waits for it, however long");
  await db.query(sql`update attempt set state = 'cancelled' where task_id = ${task}`);
  await tidy(parts("one"), signal);
  assert.equal((await mirrors()).length, 1, "it was done this night already");
  await db.query(sql`update nightly set finished_at = null`); // as a worker leaves it that dies
  await tidy(parts("one"), signal);
  assert.deepEqual(await mirrors(), []);
});

test("a worker tells what takes its disk", async () => {
  await using store = await testStore();
  await using folder = await testFolder();
  await mkdir(join(folder.path, "mirrors"));
  await workerSeen(store.db, "one", [], []);
  await measure(
    {
      db: store.db,
      config: readConfig({ FARHAND_HOME: folder.path, FARHAND_WORKER_NAME: "one" }, false),
      log: pino({ level: "silent" }),
      metrics: new Registry(),
    },
    signal,
  );
  const [told] = await workerDisks(store.db);
  assert.deepEqual(
    [told?.worker, told?.disk.home, Object.keys(told?.disk.bytes ?? {}).sort()],
    ["one", folder.path, ["layers", "mirrors"]],
  );
  assert.ok((told?.disk.freeBytes ?? 0) > 0 && (told?.disk.bytes.mirrors ?? 0) > 0);
  const { bytes, tables } = await databaseUse(store.db);
  assert.ok(bytes > 0 && tables.length > 3);
});
