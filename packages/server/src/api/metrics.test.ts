import assert from "node:assert/strict";
import { test } from "node:test";
import { openMetrics } from "../metrics.ts";
import { openCounters } from "../run/counters.ts";
import { storeWorkerMetrics } from "../store/figures.ts";
import { workerSeen } from "../store/workers.ts";
import { testApi } from "../testing/api.ts";

/** Labels have no order. */
const sorted = (line: string) => line.replace(/\{(.*)\}/, (_, labels: string) => `{${labels.split(",").sort().join(",")}}`);
const usage = { inputTokens: 900, cachedTokens: null, outputTokens: 40, reasoningTokens: null, costUsd: 0.25 };

test("the metrics tell how the service stands and what each worker has counted; only administrators may read them", async () => {
  await using api = await testApi();
  await api.give();
  await api.give();
  for (const [name, phases] of [
    ["one", 1],
    ["two", 2],
  ] as const) {
    const register = openMetrics(`worker ${name}`);
    const counters = openCounters(register);
    counters.claimed();
    for (let number = 0; number < phases; number++)
      counters.stored("script", [{ type: "phase.finished", phase: "agent", durationMs: 1500, note: "" }]);
    counters.stored("script", [
      { type: "step.answered", step: 1, usage, durationMs: 30 },
      { type: "network.request", method: "GET", host: "evil.example", port: 80, decision: "refused", rule: "none", reason: "", count: 3 },
    ]);
    counters.ended({ kind: "failed", reason: { kind: "worker-lost", runs: 5 }, patch: null, stats: null });
    await workerSeen(api.db, name, name === "one" ? [] : ["no bwrap"], []);
    await storeWorkerMetrics(api.db, name, await register.getMetricsAsJSON());
  }
  await workerSeen(api.db, "dead", [], []);
  await storeWorkerMetrics(api.db, "dead", await openMetrics("worker dead").getMetricsAsJSON());
  await api.db.query({ text: "update worker set seen_at = now() - interval '1 hour' where name = 'dead'", values: [] });

  assert.equal((await api.call(api.bob, "GET", "/metrics")).status, 403);
  const { status, type, body } = await api.call(api.ada, "GET", "/metrics");
  assert.equal(status, 200);
  assert.match(type, /^text\/plain; version=0\.0\.4/);
  const lines = String(body).split("\n").map(sorted);
  for (const line of [
    'farhand_attempts{state="queued"} 2',
    'farhand_attempts{state="running"} 0',
    'farhand_workers{ready="true"} 1',
    'farhand_workers{ready="false"} 1',
    "farhand_tasks 2",
    "farhand_events 4",
    'farhand_claims_total{process="worker one"} 1',
    'farhand_phase_seconds_count{phase="agent",process="worker one"} 1',
    'farhand_phase_seconds_count{phase="agent",process="worker two"} 2',
    'farhand_network_requests_total{decision="refused",process="worker two"} 3',
    'farhand_model_tokens_total{model="script",kind="input",process="worker one"} 900',
    'farhand_model_cost_usd_total{model="script",process="worker one"} 0.25',
    'farhand_runs_ended_total{outcome="failed",reason="worker-lost",process="worker one"} 1',
  ])
    assert.ok(lines.includes(sorted(line)), `${line} in\n${body}`);
  assert.ok(lines.some((line) => /^farhand_process_resident_bytes\{process="api"\} \d+/.test(line)));
  assert.ok(!String(body).includes("dead"), "a worker that is gone is not told of");
  const names = lines.flatMap((line) => /^# TYPE (\S+)/.exec(line)?.[1] ?? []);
  assert.equal(new Set(names).size, names.length, "each figure is described once, as Prometheus wants it");
});
