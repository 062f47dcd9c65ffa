import assert from "node:assert/strict";
import { test } from "node:test";
import { testStore } from "../testing/store.ts";
import { appendRunEvents, claim, settle } from "./leases.ts";
import { usedBefore } from "./usage.ts";

const WIDE = { maxRuns: 10, maxRunsPerUser: 10, maxRunsPerWorker: 10 };

test("what the runs before used counts for the next one: tokens, money, and the time of their agent phases", async () => {
  await using store = await testStore();
  await store.give({ limits: { steps: 7, costUsd: 0.5 } });
  const first = (await claim(store.db, "w1", 60_000, WIDE)) ?? assert.fail();
  assert.deepEqual(first.limits, { steps: 7, costUsd: 0.5 });
  assert.deepEqual(await usedBefore(store.db, first), { tokens: 0, costUsd: 0, ms: 0 });
  const usage = { inputTokens: 100, cachedTokens: 90, outputTokens: 20, reasoningTokens: null, costUsd: 0.25 };
  await appendRunEvents(store.db, first, 0, [{ type: "phase.started", phase: "agent", limitMs: 1000 }]);
  await appendRunEvents(store.db, first, 1, [{ type: "step.answered", step: 1, usage, durationMs: 5 }]);
  const lost = { ...usage, inputTokens: null, outputTokens: null, costUsd: null };
  await appendRunEvents(store.db, first, 2, [{ type: "step.answered", step: 2, usage: lost, durationMs: 5 }]);
  await settle(store.db, first, { kind: "interrupted", detail: "test" });

  const second = (await claim(store.db, "w1", 60_000, WIDE)) ?? assert.fail();
  const used = await usedBefore(store.db, second);
  assert.deepEqual([used.tokens, used.costUsd], [120, 0.25]);
  assert.ok(used.ms >= 0 && Number.isInteger(used.ms) && used.ms < 60_000);
});
