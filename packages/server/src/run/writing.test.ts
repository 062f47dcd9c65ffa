import assert from "node:assert/strict";
import { test } from "node:test";
import type { Writing } from "@farhand/protocol";
import { pino } from "pino";
import type { Queries, Statement } from "../store/db.ts";
import type { Lease } from "../store/leases.ts";
import { tellingWriting } from "./writing.ts";

const LEASE = { taskId: "t", turn: 1, attempt: 1, run: 1 } as Lease;

/** Takes what is told; `answers` decides when a statement is done. */
function listener(answers: () => Promise<void> = async () => {}) {
  const heard: Writing[] = [];
  let wake = () => {};
  const db: Queries = {
    async query(statement: Statement) {
      heard.push(JSON.parse(String(statement.values[1])) as Writing);
      wake();
      await answers();
      return [];
    },
  };
  const until = async (holds: () => boolean) => {
    while (!holds()) await new Promise<void>((resolve) => (wake = resolve));
  };
  return { db, heard, until, said: () => heard.map(({ text }) => text).join("") };
}

test("what comes quickly is told in a few pieces that follow on one another, up to a limit", { timeout: 120_000 }, async () => {
  const { db, heard, until, said } = listener();
  const writing = tellingWriting(db, LEASE, pino({ level: "silent" }));
  for (let i = 0; i < 2000; i++) writing.write(1, "a word ");
  await until(() => said().length === 14_000);
  assert.ok(heard.length < 20, `${heard.length} pieces`);
  assert.ok(heard.every(({ from }, at) => from === heard.slice(0, at).reduce((sum, { text }) => sum + text.length, 0)));
  for (let i = 0; i < 2000; i++) writing.write(1, "more\n");
  await until(() => said().length >= 20_000);
  writing.end();
  assert.ok(said().length < 20_010);
});

test("what is over is told no more, and a listener that does not answer holds nothing up", { timeout: 120_000 }, async () => {
  const answer = Promise.withResolvers<void>();
  const { db, heard, until } = listener(() => answer.promise);
  const writing = tellingWriting(db, LEASE, pino({ level: "silent" }));
  writing.write(1, "first");
  await until(() => heard.length === 1);
  writing.write(1, ", void");
  writing.end();
  writing.write(2, "second");
  answer.reject(new Error("the database is away"));
  await until(() => heard.length === 2);
  writing.end();
  assert.deepEqual(
    heard.map(({ step, from, text }) => [step, from, text]),
    [
      [1, 0, "first"],
      [2, 0, "second"],
    ],
  );
});
