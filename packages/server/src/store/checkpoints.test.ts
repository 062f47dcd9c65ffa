import assert from "node:assert/strict";
import { test } from "node:test";
import type { EventBody } from "@farhand/protocol";
import { MAX_RUNS } from "../domain/outcome.ts";
import { testStore } from "../testing/store.ts";
import { openBlob } from "./blobs.ts";
import { insertCheckpoint, lastTree, resumePoint, stepsKept } from "./checkpoints.ts";
import { readConversation } from "./conversation.ts";
import { type Db, sql } from "./db.ts";
import { appendRunEvents, type ClaimLimits, claim, giveBackRuns, type Lease, settle } from "./leases.ts";
import { thinCheckpoints } from "./thin-checkpoints.ts";
import { createTurn, lastAttempts } from "./turns.ts";

const WIDE: ClaimLimits = { maxRuns: 100, maxRunsPerUser: 100, maxRunsPerWorker: 100 };
const USAGE = { inputTokens: 1, cachedTokens: null, outputTokens: 1, reasoningTokens: null, costUsd: null };
const said = (text: string) => ({ role: "assistant", text, calls: [] });
const answered = (step: number): EventBody => ({ type: "step.answered", step, usage: USAGE, durationMs: 1 });
const finished = (call: string): EventBody => ({
  type: "tool.finished",
  call,
  isError: false,
  result: "",
  exit: null,
  durationMs: 1,
  output: null,
});

/** A run of a task of its own, and how to append to it. */
async function running() {
  const store = await testStore();
  await store.give();
  const next = async () => (await claim(store.db, "w", 60_000, WIDE)) ?? assert.fail("nothing to claim");
  const appender = (lease: Lease) => {
    let offset = 0;
    return async (events: EventBody[], messages: object[] = [], checkpoint?: Parameters<typeof appendRunEvents>[5]) => {
      await appendRunEvents(store.db, lease, offset, events, messages, checkpoint);
      offset += events.length;
    };
  };
  const texts = async (lease: Lease) =>
    (await readConversation(store.db, lease.attemptId)).at(-1)?.messages.map((one) => Reflect.get(one, "text"));
  return { ...store, next, appender, texts };
}

test("a conversation is read as it was written, to the order of a call's arguments: providers find what they cached by its text", async () => {
  await using at = await running();
  const lease = await at.next();
  const input = { path: "a", old_text: "1", new_text: "2", nested: { longer: 1, short: [null, "\u2400"] } };
  const message = { role: "assistant", text: "", calls: [{ name: "edit", id: "one", input }] };
  await at.appender(lease)([answered(1)], [message]);
  const [exchange] = await readConversation(at.db, lease.attemptId);
  assert.equal(JSON.stringify(exchange?.messages), JSON.stringify([message]));
});

test("a run goes on with the last tree and all that was said since, since nothing changed it in between", async () => {
  await using at = await running();
  const lease = await at.next();
  const append = at.appender(lease);
  assert.deepEqual(await resumePoint(at.db, lease), { tree: null, keptUntil: 0, isCutShort: false, steps: 0, stopped: null });
  await append([answered(1)], [said("one")]);
  await append([finished("1.1")], [said("result")], { tree: "a", packs: ["p1"] });
  await append([answered(2)], [said("two")]);
  await append([{ type: "message", step: 3, text: "streamed" }]);
  const point = await resumePoint(at.db, lease);
  assert.deepEqual(point, { tree: { tree: "a", packs: ["p1"] }, keptUntil: 6, isCutShort: false, steps: 2, stopped: null });
});

test("where the last tree could not be saved, it goes back to the last that could, and what was said after that is forgotten", async () => {
  await using at = await running();
  const first = await at.next();
  const append = at.appender(first);
  await append([answered(1)], [said("one")]);
  await append([finished("1.1")], [said("result")], { tree: "a", packs: [] });
  await append([answered(2)], [said("two")]);
  await append([finished("2.1")], [said("lost")], { lost: "too large" });
  assert.equal(await lastTree(at.db, first.attemptId), "lost");
  const point = await resumePoint(at.db, first);
  assert.deepEqual([point.tree?.tree, point.isCutShort, point.steps], ["a", true, 2]);
  await giveBackRuns(at.db, "w");
  const second = await at.next();
  await at.appender(second)([{ type: "run.resumed", fromStep: 3, keptUntil: point.keptUntil, lost: "x" }]);
  assert.deepEqual(await at.texts(second), ["one", "result"]);
  assert.deepEqual(await lastTree(at.db, second.attemptId), { tree: "a", packs: [] });
});

test("an engine that had stopped need not work again; a settled attempt's tree is there for those that follow", async () => {
  await using at = await running();
  const lease = await at.next();
  const stopped: EventBody = { type: "engine.stopped", reason: "done", detail: "", steps: 1 };
  await at.appender(lease)([answered(1), stopped], [said("done")]);
  assert.deepEqual((await resumePoint(at.db, lease)).stopped, stopped);
  const outcome = {
    kind: "failed",
    reason: { kind: "gave-up", detail: "" },
    patch: null,
    stats: null,
    checkpoint: { tree: "end", packs: [] },
  } as const;
  await settle(at.db, lease, outcome);
  await settle(at.db, lease, outcome);
  assert.deepEqual(await lastTree(at.db, lease.attemptId), { tree: "end", packs: [] });
  assert.equal((await at.db.query(sql`select from checkpoint`)).length, 1, "a repeat after a lost answer changes nothing");
});

test("an attempt that changed files and has no checkpoint, as before there were any, is none to follow; one that changed none is", async () => {
  await using at = await running();
  const lease = await at.next();
  const reason = { kind: "gave-up", detail: "" } as const;
  await settle(at.db, lease, { kind: "failed", reason, patch: null, stats: { files: 1, added: 1, removed: 0 } });
  assert.equal(await lastTree(at.db, lease.attemptId), "lost");
  await at.give();
  const other = await at.next();
  await settle(at.db, other, { kind: "failed", reason, patch: null, stats: { files: 0, added: 0, removed: 0 } });
  assert.equal(await lastTree(at.db, other.attemptId), null);
});

test("an attempt that gets on may lose any number of runs; one that does not, ends", async () => {
  await using at = await running();
  for (let run = 1; run <= MAX_RUNS + 2; run++) {
    const lease = await at.next();
    await at.appender(lease)([finished(`${run}.1`)], [], { tree: `${run}`, packs: [] });
    await giveBackRuns(at.db, "w");
  }
  for (let run = 1; run <= MAX_RUNS; run++) {
    await at.next();
    await giveBackRuns(at.db, "w");
  }
  const [attempt] = await at.db.query<{ state: string; reason: unknown }>(sql`select state, reason from attempt`);
  assert.deepEqual(attempt, { state: "failed", reason: { kind: "worker-lost", runs: MAX_RUNS } });
});

/** A stored pack of ten bytes. */
async function pack(db: Db, taskId: string): Promise<string> {
  const blob = await openBlob(db, taskId, "checkpoint", 100);
  await blob.write(Buffer.alloc(10));
  await blob.close();
  return blob.id;
}

test("a step whose last tree went is not gone back to, though one of before it in the same step stays", async () => {
  await using at = await running();
  const { db, user } = at;
  const reason = { kind: "gave-up", detail: "" } as const;
  const stats = { files: 1, added: 1, removed: 0 };
  const first = await at.next();
  const began = await pack(db, first.taskId);
  await at.appender(first)([finished("1.1")], [], { tree: "began", packs: [began] });
  await settle(db, first, { kind: "failed", reason, patch: null, stats });
  await db.transaction((tx) => createTurn(tx, user, first.taskId, { prompt: "more", attempts: 1 }));

  const lease = await at.next();
  const append = at.appender(lease);
  const step = (number: number): EventBody => ({ type: "step.started", step: number, model: "script" });
  const result = (call: string) => [{ role: "tool", call, text: "ok" }];
  await append([step(1)]);
  await append([finished("1.1")], result("1.1"), { tree: "one", packs: [began, await pack(db, lease.taskId)] });
  await append([finished("1.2")], result("1.2"), { tree: "two", packs: [await pack(db, lease.taskId)] });
  await append([step(2)]);
  await append([finished("2.1")], result("2.1"), { tree: "three", packs: [await pack(db, lease.taskId)] });
  await settle(db, lease, { kind: "failed", reason, patch: null, stats });
  const kept = async () => (await stepsKept(db, lease.taskId, { id: lease.attemptId, turn: 2, number: 1 })).map((one) => one.step);
  assert.deepEqual(await kept(), [1, 2]);
  assert.equal(await thinCheckpoints(db, lease.taskId, 30), 10);
  assert.deepEqual(await kept(), [2]);
});

test("where the checkpoints of a task take too much, the oldest lines go, and what the last turn stands on or goes on from stays", {
  timeout: 120_000,
}, async () => {
  await using at = await running();
  const { db, user } = at;
  /** An attempt that saves trees, the first of which stands on these packs, each on those of the one before. */
  async function works(trees: readonly string[], before: string[]): Promise<{ lease: Lease; packs: string[] }> {
    const lease = await at.next();
    let packs = before;
    for (const tree of trees) {
      packs = [...packs, await pack(db, lease.taskId)];
      await insertCheckpoint(db, lease, { tree, packs });
    }
    await settle(db, lease, {
      kind: "failed",
      reason: { kind: "gave-up", detail: "" },
      patch: null,
      stats: { files: 1, added: 1, removed: 0 },
    });
    return { lease, packs };
  }
  const { lease } = await works(["a1", "a2"], []);
  const goOn = () => db.transaction((tx) => createTurn(tx, user, lease.taskId, { prompt: "more", attempts: 1 }));
  await goOn();
  await works(["x1"], []);
  await goOn();
  const second = await works(["b1", "b2"], []);
  await goOn();
  await works(["c1"], second.packs);
  await goOn();
  const last = await works(["d1", "d2"], []);
  const trees = async () =>
    (await db.query<{ tree: string }>(sql`select tree from checkpoint where tree is not null order by tree`))
      .map(({ tree }) => tree)
      .join(" ");

  assert.equal(await thinCheckpoints(db, lease.taskId, 80), 0, "within bounds");
  let atOnce: Promise<number>[] = [];
  await db.transaction(async (tx) => {
    await lastAttempts(tx, lease.taskId);
    atOnce = [thinCheckpoints(db, lease.taskId, 60), thinCheckpoints(db, lease.taskId, 60)];
    const waiting = sql`select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
    while ((await db.query(waiting)).length < 2);
  });
  assert.deepEqual((await Promise.all(atOnce)).toSorted(), [0, 20]);
  assert.equal(await trees(), "b1 b2 c1 d1 d2 x1");
  assert.equal(await thinCheckpoints(db, lease.taskId, 0), 10);
  assert.equal(await trees(), "b1 b2 c1 d1 d2", "the last turn began with c1, which stands on b");
  await goOn();
  await works(["e1"], last.packs);
  await goOn();
  assert.equal(await thinCheckpoints(db, lease.taskId, 0), 30);
  assert.equal(await trees(), "d1 d2 e1");
  const left = await db.query(sql`select id from blob where kind = 'checkpoint'`);
  assert.equal(left.length, 3);
  const next = await at.next();
  assert.equal(next.follows === null ? null : ((await lastTree(db, next.follows)) as { tree: string }).tree, "e1");
});
