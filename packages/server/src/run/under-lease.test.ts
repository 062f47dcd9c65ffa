import assert from "node:assert/strict";
import { test } from "node:test";
import pino from "pino";
import type { Renewal } from "../store/leases.ts";
import { Stopped } from "./stops.ts";
import { underLease } from "./under-lease.ts";

const never = new AbortController().signal;
const LEASE_MS = 30;

/** Under a lease that is renewed so, until it is stopped. */
async function stoppedBy(renew: () => Promise<Renewal>): Promise<Stopped["by"]> {
  const parts = { config: { leaseMs: LEASE_MS } as never, log: pino({ level: "silent" }) };
  let by: Stopped["by"] | null = null;
  await underLease(
    parts,
    { renew, hurry: () => {} },
    ({ signal }) =>
      new Promise((resolve) =>
        signal.addEventListener("abort", () => {
          by = signal.reason instanceof Stopped ? signal.reason.by : null;
          resolve();
        }),
      ),
    never,
  );
  return by ?? assert.fail("it was not stopped");
}

const unreachable = Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });

test("a worker whose renewals fail, or are never answered, stops what it does", async () => {
  assert.equal(await stoppedBy(() => Promise.reject(unreachable)), "cannot-renew");
  assert.equal(await stoppedBy(() => new Promise(() => {})), "cannot-renew");
});

test("renewals that work keep it going for longer than that, and clocks that jump do not matter", async (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: 1e12 });
  let renewals = 0;
  const by = await stoppedBy(async () => {
    renewals += 1;
    t.mock.timers.setTime(1e12 + (renewals % 2) * 365 * 86_400_000);
    return renewals < 60 ? "held" : "lost";
  });
  assert.deepEqual([by, renewals >= 60], ["lease-lost", true]);
});

test("a worker that stood still for longer than that asks before it stops", async () => {
  let renewals = 0;
  const by = await stoppedBy(async () => {
    renewals += 1;
    if (renewals > 1) return "lost";
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10 * LEASE_MS);
    throw unreachable;
  });
  assert.equal(by, "lease-lost");
});

test("one answer in time is enough after many failures", async () => {
  let renewals = 0;
  const by = await stoppedBy(async () => {
    renewals += 1;
    if (renewals % 5 !== 0) throw unreachable;
    return renewals < 60 ? "held" : "cancel-requested";
  });
  assert.equal(by, "cancel-requested");
});
