import assert from "node:assert/strict";
import { test } from "node:test";
import type { TaskEvent } from "@farhand/protocol";
import { testStore } from "../testing/store.ts";
import { appendEvents, eventFeeds, readEvents } from "./event-log.ts";
import { MOST_WRITING_CHARS, tellWriting } from "./writing.ts";

const archived = { type: "task.archived", by: "Ada" } as const;
const fail = (error: Error) => assert.fail(error);

test("events of one task are numbered without gaps, however many write", async () => {
  await using store = await testStore();
  const task = await store.give();
  await Promise.all(Array.from({ length: 40 }, () => store.db.transaction((tx) => appendEvents(tx, task, null, [archived, archived]))));
  const events = await readEvents(store.db, task, 0);
  assert.deepEqual(
    events.map((event) => event.seq),
    Array.from({ length: 82 }, (_, i) => i + 1),
  );
});

test("text that PostgreSQL refuses is stored readable", async () => {
  await using store = await testStore();
  const task = await store.give();
  await store.db.transaction((tx) => appendEvents(tx, task, null, [{ type: "task.archived", by: "a\0b\ud800c" }]));
  const [event] = await readEvents(store.db, task, 2);
  assert.deepEqual(event?.body, { type: "task.archived", by: "a\u2400b\ufffdc" });
});

test("followers get every event once and in order, from wherever they begin, while many are written", { timeout: 120_000 }, async () => {
  await using store = await testStore();
  const stop = new AbortController();
  const feeds = await eventFeeds(store.db, stop.signal, fail);
  const task = await store.give();
  const total = 2 + 1500;
  const read = async (after: number) => {
    const seen: number[] = [];
    for await (const event of feeds.follow(task, after, stop.signal)) {
      seen.push(event.seq);
      if (event.seq === total) return seen;
    }
    return seen;
  };
  const early = [read(0), read(0), read(1), read(700)];
  for (let i = 0; i < 15; i++) {
    await store.db.transaction((tx) => appendEvents(tx, task, null, Array(100).fill(archived)));
    if (i === 7) early.push(read(300), read(0));
  }
  const starts = [0, 0, 1, 700, 300, 0];
  assert.deepEqual(
    await Promise.all(early),
    starts.map((after) => Array.from({ length: total - after }, (_, i) => after + i + 1)),
  );
  stop.abort();
});

test("a follower that lags far behind misses nothing", { timeout: 120_000 }, async () => {
  await using store = await testStore();
  const stop = new AbortController();
  const feeds = await eventFeeds(store.db, stop.signal, fail);
  const task = await store.give();
  const follower = feeds.follow(task, 0, stop.signal);
  const first = (await follower.next()).value as TaskEvent;
  for (let i = 0; i < 25; i++) await store.db.transaction((tx) => appendEvents(tx, task, null, Array(100).fill(archived)));
  const seen = [first.seq];
  while (seen.length < 2502) seen.push(((await follower.next()).value as TaskEvent).seq);
  assert.deepEqual(
    seen,
    Array.from({ length: 2502 }, (_, i) => i + 1),
  );
  stop.abort();
  assert.equal((await follower.next()).done, true);
});

test("a signal ends a follower that waits", { timeout: 120_000 }, async () => {
  await using store = await testStore();
  const stop = new AbortController();
  const feeds = await eventFeeds(store.db, stop.signal, fail);
  const task = await store.give();
  const one = new AbortController();
  const follower = feeds.follow(task, 2, one.signal);
  const waiting = follower.next();
  one.abort();
  assert.equal((await waiting).done, true);
  stop.abort();
});

test("what is being written reaches those who look on, whatever it is, and is not stored", { timeout: 120_000 }, async () => {
  await using store = await testStore();
  const stop = new AbortController();
  const feeds = await eventFeeds(store.db, stop.signal, fail);
  const [task, other] = [await store.give(), await store.give()];
  const of = (id: string, text: string) => ({ task: id, turn: 1, attempt: 1, run: 1, step: 1, from: 0, text });
  const heard: unknown[] = [];
  const { promise: whole, resolve } = Promise.withResolvers<void>();
  feeds.onWriting(task, (writing) => heard.push(writing) === 2 && resolve(), stop.signal);
  const left = new AbortController();
  feeds.onWriting(task, () => assert.fail("it has left"), left.signal);
  left.abort();
  const before = (await readEvents(store.db, task, 0)).length;
  await tellWriting(store.db, of(other, "not for them"));
  await tellWriting(store.db, of(task, "\0\u0001".repeat(MOST_WRITING_CHARS / 2)));
  await tellWriting(store.db, of(task, "\ud83d"));
  await whole;
  assert.deepEqual(heard, [of(task, "\0\u0001".repeat(MOST_WRITING_CHARS / 2)), of(task, "\ud83d")]);
  assert.equal((await readEvents(store.db, task, 0)).length, before);
  stop.abort();
});

test("who begins to look on is told the whole of what is being written, once all events before are taken", {
  timeout: 120_000,
}, async () => {
  await using store = await testStore();
  const stop = new AbortController();
  const feeds = await eventFeeds(store.db, stop.signal, fail);
  const task = await store.give();
  const piece = (step: number, from: number, text: string) => ({ task, turn: 1, attempt: 1, run: 1, step, from, text });
  const heard: string[] = [];
  const { promise: over, resolve } = Promise.withResolvers<void>();
  feeds.onWriting(task, ({ text }) => text === "." && resolve(), stop.signal);
  for (const one of [piece(1, 0, "the step before"), piece(2, 0, "One, "), piece(2, 5, "two"), piece(2, 8, ".")])
    await tellWriting(store.db, one);
  await over;
  const look = () => feeds.onWriting(task, (writing) => heard.push(JSON.stringify(writing)), stop.signal);
  const events = feeds.follow(task, 0, stop.signal, look);
  await events.next();
  assert.deepEqual(heard, []);
  for (let seq = 1; seq < (await readEvents(store.db, task, 0)).length; seq++) await events.next();
  const waiting = events.next();
  assert.deepEqual(heard, [JSON.stringify(piece(2, 0, "One, two."))]);
  stop.abort();
  await waiting;
});
