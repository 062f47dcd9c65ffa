import assert from "node:assert/strict";
import { test } from "node:test";
import type { Usage } from "@farhand/protocol";
import { csvOf } from "../api/usage.ts";
import { testStore } from "../testing/store.ts";
import { appendRunEvents, claim } from "./leases.ts";
import { usage } from "./usage-report.ts";
import { addUser } from "./users.ts";

const WIDE = { maxRuns: 100, maxRunsPerUser: 100, maxRunsPerWorker: 100 };
const UNKNOWN: Usage = { inputTokens: null, cachedTokens: null, outputTokens: null, reasoningTokens: null, costUsd: null };
const day = (offset: number) => new Date(Date.now() + offset * 86_400_000).toISOString().slice(0, 10);

test("what requests used is added up as asked, each sees their own, and what is not known stays unknown", async () => {
  await using store = await testStore();
  const { db, user } = store;
  const bob = await addUser(db, { name: "Bob", email: "bob@example.org", role: "member" });
  const mine = await store.give({ title: '=1+1,"x"' });
  await store.give({}, bob);
  for (let at = 0; at < 2; at++) {
    const lease = await claim(db, "w1", 60_000, WIDE);
    assert.ok(lease);
    const used: Usage = { inputTokens: 100, cachedTokens: 40, outputTokens: 10, reasoningTokens: null, costUsd: 0.25 };
    await appendRunEvents(db, lease, 0, [
      { type: "step.answered", step: 1, usage: used, durationMs: 1 },
      { type: "step.answered", step: 2, usage: UNKNOWN, durationMs: 1 },
    ]);
  }
  const wish = { from: day(-1), to: day(1), task: null }; // midnight may come in between
  const { rows, total } = await usage(db, user, "user", wish);
  const sum = { requests: 2, inputTokens: 100, cachedTokens: 40, outputTokens: 10, reasoningTokens: null, costUsd: 0.25, unpriced: 1 };
  assert.deepEqual(rows.map((row) => [row.user?.name, row.requests, row.costUsd]).sort(), [
    ["Ada", 2, 0.25],
    ["Bob", 2, 0.25],
  ]);
  assert.deepEqual(total, { ...sum, requests: 4, inputTokens: 200, cachedTokens: 80, outputTokens: 20, costUsd: 0.5, unpriced: 2 });
  const [row, ...others] = (await usage(db, bob, "day", wish)).rows;
  assert.ok(row?.day === day(0) || row?.day === day(-1), row?.day);
  assert.deepEqual([row, others], [{ day: row?.day, ...sum }, []]);
  assert.deepEqual((await usage(db, bob, "task", { ...wish, task: mine })).total.requests, 0, "another's task is not seen");
  for (const by of ["model", "turn", "attempt"] as const) assert.ok((await usage(db, user, by, wish)).rows.length > 0, by);
  assert.deepEqual((await usage(db, user, "day", { ...wish, from: "2020-01-01", to: "2020-01-02" })).rows, []);

  const requests = (await usage(db, user, "request", { ...wish, task: mine })).rows;
  assert.deepEqual(requests.map(({ turn, attempt, run, step }) => [turn, attempt, run, step]).sort(), [
    [1, 1, 1, 1],
    [1, 1, 1, 2],
  ]);
  const lines = csvOf(requests.sort((a, b) => (a.step ?? 0) - (b.step ?? 0))).split("\r\n");
  assert.match(lines[0] ?? "", /^at,model,task,title,turn,attempt,run,step,requests,input_tokens/);
  assert.ok(lines[1]?.endsWith(`,"'=1+1,""x""",1,1,1,1,1,100,40,10,,0.25,0`), lines[1]);
  assert.ok(lines[2]?.endsWith(",1,1,1,2,1,,,,,,1"), lines[2]);
});
