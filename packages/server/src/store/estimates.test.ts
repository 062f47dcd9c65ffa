import assert from "node:assert/strict";
import { test } from "node:test";
import { testStore } from "../testing/store.ts";
import { type Queries, sql } from "./db.ts";
import { estimate } from "./estimates.ts";
import { claim, settle } from "./leases.ts";

const WIDE = { maxRuns: 100, maxRunsPerUser: 100, maxRunsPerWorker: 100 };

async function done(tx: Queries, task: string, minutes: number, costUsd: number | null): Promise<void> {
  const [attempt] = await tx.query<{ id: string; user_id: string }>(
    sql`update attempt set state = 'succeeded', worked_ms = ${minutes * 60_000} where task_id = ${task} returning id, user_id`,
  );
  await tx.query(
    sql`insert into usage (task_id, attempt_id, run, step, user_id, model, cost_usd) values (${task}, ${attempt?.id}, 1, 1, ${attempt?.user_id}, 'any', ${costUsd})`,
  );
}

test("an estimate speaks of the same mode, of the same model where there are enough, and of nothing where there are too few", async () => {
  await using store = await testStore();
  const { db } = store;
  const environment = await environmentOf(db);
  const asked = (mode: "code" | "ask", model: string) => estimate(db, environment, mode, model);
  for (const minutes of [2, 4]) await done(db, await store.give({ model: "a" }), minutes, 0.2);
  assert.equal(await asked("code", "a"), null, "two are too few");
  await done(db, await store.give({ model: "a" }), 6, null);
  assert.deepEqual(await asked("code", "a"), {
    attempts: 3,
    sameModel: true,
    minutes: { median: 4, most: 5.2 },
    costUsd: null,
  });
  for (const minutes of [10, 10, 10, 10]) await done(db, await store.give({ model: "b" }), minutes, 1);
  assert.deepEqual(await asked("code", "b"), {
    attempts: 7,
    sameModel: false,
    minutes: { median: 10, most: 10 },
    costUsd: { median: 1, most: 1 },
  });
  await done(db, await store.give({ model: "b" }), 20, 1);
  assert.deepEqual(await asked("code", "b"), {
    attempts: 5,
    sameModel: true,
    minutes: { median: 10, most: 12 },
    costUsd: { median: 1, most: 1 },
  });
  assert.equal(await asked("ask", "b"), null);
});

test("what an attempt worked is counted from claim to end, over its runs, and not in between", async () => {
  await using store = await testStore();
  const { db } = store;
  await store.give();
  const worked = async () => (await db.query<{ worked_ms: number }>(sql`select worked_ms from attempt`))[0]?.worked_ms ?? -1;
  const began = (minutes: number) => db.query(sql`update attempt set began_at = now() - ${minutes} * interval '1 minute'`);
  const first = await claim(db, "w1", 60_000, WIDE);
  assert.ok(first);
  await began(3);
  await settle(db, first, { kind: "interrupted", detail: "test" });
  assert.equal(Math.round((await worked()) / 60_000), 3);
  await began(60);
  const second = await claim(db, "w1", 60_000, WIDE);
  assert.ok(second);
  await began(2);
  await settle(db, second, { kind: "failed", reason: { kind: "gave-up", detail: "test" }, patch: null, stats: null });
  assert.equal(Math.round((await worked()) / 60_000), 5);
});

async function environmentOf(db: Queries): Promise<string> {
  const [row] = await db.query<{ id: string }>(sql`select id from environment`);
  return row?.id ?? "";
}
