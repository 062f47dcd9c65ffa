import assert from "node:assert/strict";
import { test } from "node:test";
import { MAX_RUNS } from "../domain/outcome.ts";
import { testStore } from "../testing/store.ts";
import { type Db, sql } from "./db.ts";
import { readEvents } from "./event-log.ts";
import { appendRunEvents, type ClaimLimits, claim, giveBackRuns, type Lease, LeaseLost, renew, settle } from "./leases.ts";
import { cancelTask, getTask } from "./tasks.ts";
import { addUser } from "./users.ts";

const WIDE: ClaimLimits = { maxRuns: 100, maxRunsPerUser: 100, maxRunsPerWorker: 100 };
const LEASE_MS = 60_000;
/** The test server has been up for longer than this, so what is expired counts as lost. */
const SHORT_MS = 1;
const succeeded = { kind: "failed", reason: { kind: "gave-up", detail: "test" }, patch: null, stats: null } as const;

const expire = (db: Db, lease: Lease) =>
  db.query(sql`update attempt set leased_until = now() - interval '1 second' where id = ${lease.attemptId}`);
async function claimed(db: Db, worker = "w1", leaseMs = LEASE_MS): Promise<Lease> {
  const lease = await claim(db, worker, leaseMs, WIDE);
  assert.ok(lease);
  return lease;
}

test("claims go by priority, then age, each attempt once", async () => {
  await using store = await testStore();
  const first = await store.give();
  const second = await store.give();
  const urgent = await store.give({ priority: 5 });
  const order = [await claimed(store.db), await claimed(store.db), await claimed(store.db)].map((lease) => lease.taskId);
  assert.deepEqual(order, [urgent, first, second]);
  assert.equal(await claim(store.db, "w1", LEASE_MS, WIDE), null);
});

test("limits hold exactly under claims at once: per user, per worker, global", async () => {
  await using store = await testStore();
  const other = await addUser(store.db, { name: "Bob", email: "bob@example.org", role: "member" });
  for (let i = 0; i < 12; i++) await store.give();
  for (let i = 0; i < 12; i++) await store.give({}, other);
  const limits = { maxRuns: 9, maxRunsPerUser: 6, maxRunsPerWorker: 4 };
  const all = await Promise.all(Array.from({ length: 24 }, (_, i) => claim(store.db, `w${i % 3}`, LEASE_MS, limits)));
  const leases = all.filter((lease) => lease !== null);
  assert.equal(leases.length, 9);
  const rows = await store.db.query<{ worker: string; user_id: string }>(sql`select worker, user_id from attempt where state = 'running'`);
  for (const [column, limit] of [
    ["worker", 4],
    ["user_id", 6],
  ] as const) {
    const counts = Object.values(Object.groupBy(rows, (row) => row[column])).map((group) => group?.length ?? 0);
    assert.ok(Math.max(...counts) <= limit, `${column}: ${counts}`);
  }
});

test("a run that lost its lease can write nothing, and its events are not doubled by a repeat", async () => {
  await using store = await testStore();
  const task = await store.give();
  const old = await claimed(store.db);
  const said = (text: string) => [{ type: "message" as const, step: 1, text }];
  await appendRunEvents(store.db, old, 0, said("one"));
  await appendRunEvents(store.db, old, 0, said("one")); // the answer was lost, so it is sent again
  await expire(store.db, old);
  assert.equal(await renew(store.db, old, LEASE_MS), "held", "nobody has taken over yet");
  await expire(store.db, old);
  assert.equal(await claim(store.db, "w1", SHORT_MS, WIDE, [old.attemptId]), null, "its own worker knows that it still runs");
  const now = await claimed(store.db, "w2", SHORT_MS);
  assert.deepEqual([now.taskId, now.run], [task, old.run + 1]);
  await assert.rejects(appendRunEvents(store.db, old, 1, said("late")), LeaseLost);
  await assert.rejects(settle(store.db, old, succeeded), LeaseLost);
  assert.equal(await renew(store.db, old, LEASE_MS), "lost");
  await settle(store.db, now, succeeded);
  await settle(store.db, now, succeeded);
  const events = await readEvents(store.db, task, 0);
  assert.deepEqual(
    events.map((event) => [event.seq, event.body.type]),
    ["task.created", "turn.started", "run.started", "message", "run.interrupted", "run.started", "attempt.failed"].map((type, i) => [
      i + 1,
      type,
    ]),
  );
});

test("an attempt whose worker is lost too often fails and says so", async () => {
  await using store = await testStore();
  const task = await store.give();
  for (let run = 1; run <= MAX_RUNS; run++) await expire(store.db, await claimed(store.db, "w1", SHORT_MS));
  assert.equal(await claim(store.db, "w1", SHORT_MS, WIDE), null);
  const [attempt] = (await getTask(store.db, store.user, task, WIDE)).attempts;
  assert.deepEqual(attempt?.state === "failed" && attempt.reason, { kind: "worker-lost", runs: MAX_RUNS });
});

test("runs that a stopping worker gave back do not count as lost, however many", async () => {
  await using store = await testStore();
  await store.give();
  const lose = async () => expire(store.db, await claimed(store.db, "w1", SHORT_MS));
  await lose();
  for (let run = 1; run <= MAX_RUNS; run++)
    await settle(store.db, await claimed(store.db, "w1", SHORT_MS), { kind: "interrupted", detail: "its worker was stopped" });
  for (let run = 2; run <= MAX_RUNS; run++) await lose();
  assert.equal(await claim(store.db, "w1", SHORT_MS, WIDE), null);
});

test("after the database itself was away, nothing counts as lost for the time of a lease", async () => {
  await using store = await testStore();
  await store.give();
  await expire(store.db, await claimed(store.db));
  const sinceStart = 3_600_000_000; // longer than the server has been up
  assert.equal(await claim(store.db, "w2", sinceStart, WIDE), null);
});

test("a worker that starts again gives back what it had, at once", async () => {
  await using store = await testStore();
  const task = await store.give();
  const lease = await claimed(store.db);
  await giveBackRuns(store.db, "somebody else");
  assert.equal(await renew(store.db, lease, LEASE_MS), "held");
  await giveBackRuns(store.db, "w1");
  assert.equal((await claimed(store.db, "w2")).run, 2);
  assert.equal((await readEvents(store.db, task, 0)).filter(({ body }) => body.type === "run.interrupted").length, 1);
});

test("cancel ends what waits at once, and reaches what runs by its renewal", async () => {
  await using store = await testStore();
  const running = await store.give();
  const lease = await claimed(store.db);
  const waiting = await store.give();
  await store.db.transaction((tx) => cancelTask(tx, store.user, waiting));
  await store.db.transaction((tx) => cancelTask(tx, store.user, running));
  assert.equal((await getTask(store.db, store.user, waiting, WIDE)).status, "cancelled");
  assert.equal(await renew(store.db, lease, LEASE_MS), "cancel-requested");
  await settle(store.db, lease, { kind: "cancelled" });
  assert.equal((await getTask(store.db, store.user, running, WIDE)).status, "cancelled");
  assert.equal(await claim(store.db, "w1", LEASE_MS, WIDE), null);
});

test("a waiting task says what it waits for", async () => {
  await using store = await testStore();
  const task = await store.give();
  const say = async (limits: ClaimLimits) => (await getTask(store.db, store.user, task, limits)).statusText;
  assert.equal(await say(WIDE), "waiting: no worker takes tasks at the moment");
  await store.db.query(sql`insert into worker (name, missing, limits_not_held) values ('w1', '[]', '[]')`);
  assert.equal(await say(WIDE), "waiting: a worker");
  assert.equal(await say({ ...WIDE, maxRunsPerUser: 0 }), "waiting: your limit of 0 runs");
});
