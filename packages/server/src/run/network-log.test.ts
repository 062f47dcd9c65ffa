import assert from "node:assert/strict";
import { test } from "node:test";
import type { NetworkRequested } from "@farhand/protocol";
import type { NetworkRequest } from "../sandbox/sandbox.ts";
import { MOST_KINDS, networkLog, ruleOf } from "./network-log.ts";

const request = (host: string, decision: NetworkRequest["decision"] = "allowed"): NetworkRequest => ({
  method: "CONNECT",
  host,
  port: 443,
  decision,
  rule: "r",
  reason: decision === "refused" ? "why" : "",
});

/** A log whose appends take their time, as a database's do. */
function slowLog() {
  const events: NetworkRequested[] = [];
  let last: Promise<void> = Promise.resolve();
  return {
    events,
    append(added: readonly object[]) {
      last = last
        .then(() => new Promise((resolve) => setImmediate(resolve)))
        .then(() => void events.push(...(added as NetworkRequested[])));
      return last;
    },
  };
}

test("the first of a kind is told at once, thousands of equal ones as a number, bytes of all", async () => {
  const log = slowLog();
  {
    await using network = networkLog(log, "agent", 1e6);
    for (let round = 0; round < 5000; round++) {
      const one = request("a.example.org");
      network.seen(one);
      network.ended(one, 10);
    }
    network.seen(request("b.example.org", "refused"));
  }
  assert.deepEqual(
    log.events.map(({ host, decision, count, bytes }) => [host, decision, count, bytes]),
    [
      ["a.example.org", "allowed", 1, undefined],
      ["b.example.org", "refused", 1, undefined],
      ["a.example.org", "allowed", 4999, 50_000],
    ],
  );
});

test("what is counted is told while the run goes on", async () => {
  const log = slowLog();
  await using network = networkLog(log, "agent", 1);
  for (let round = 0; round < 3; round++) network.seen(request("a.example.org"));
  while (log.events.length < 2) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(
    log.events.map(({ count }) => count),
    [1, 2],
  );
});

test("of too many different ones the rest is a number, and says so", async () => {
  const log = slowLog();
  {
    await using network = networkLog(log, "agent", 1e6);
    for (let round = 0; round < MOST_KINDS + 50; round++) network.seen(request(`h${round}.example.org`, "refused"));
    assert.equal(network.refusals().length, MOST_KINDS);
  }
  assert.equal(log.events.length, MOST_KINDS + 2);
  const [first, rest] = log.events.slice(-2);
  assert.match(first?.reason ?? "", /more than 300 different requests/);
  assert.deepEqual([first?.count, rest?.count], [1, 49]);
});

test("a refusal is handed out once, and equal ones once", async () => {
  await using network = networkLog(slowLog(), "agent", 1e6);
  network.seen(request("a.example.org"));
  for (let round = 0; round < 3; round++) network.seen(request("b.example.org", "refused"));
  assert.deepEqual(
    network.refusals().map(({ host }) => host),
    ["b.example.org"],
  );
  assert.deepEqual(network.refusals(), []);
});

test("a preset is its domains, each once", () => {
  const rule = ruleOf({ kind: "allow", domains: ["example.org", "npmjs.org"], presets: ["package-managers"], ports: [443] });
  assert.ok(rule.kind === "allow");
  assert.deepEqual(rule.ports, [443]);
  assert.equal(new Set(rule.domains).size, rule.domains.length);
  assert.ok(rule.domains.includes("example.org") && rule.domains.includes("pypi.org"));
  assert.deepEqual(ruleOf({ kind: "none" }), { kind: "none" });
});
