import assert from "node:assert/strict";
import { test } from "node:test";
import { waitMs } from "./src/wait.js";

const answer = (retryAfter) => new Response(null, { status: 503, headers: { "retry-after": retryAfter } });
const now = Date.parse("2026-10-21T07:27:30Z");

test("a date", () => assert.equal(waitMs(answer("Wed, 21 Oct 2026 07:28:00 GMT"), 1, { now }), 30_000));
test("a date that has passed", () => assert.equal(waitMs(answer("Wed, 21 Oct 2026 07:27:00 GMT"), 1, { now }), 0));
test("a date far away", () => assert.equal(waitMs(answer("Wed, 21 Oct 2027 07:28:00 GMT"), 1, { now }), 60_000));
test("seconds", () => assert.equal(waitMs(answer("12"), 1, { now }), 12_000));
test("a header that says nothing is no reason to hammer, nor to break", () => {
  const wait = waitMs(answer("soon"), 2, { now });
  assert.ok(Number.isFinite(wait) && wait >= 0);
});
