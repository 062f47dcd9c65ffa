import assert from "node:assert/strict";
import { test } from "node:test";
import { waitMs } from "../src/wait.js";

const answer = (retryAfter) => new Response(null, { status: 503, headers: retryAfter === undefined ? {} : { "retry-after": retryAfter } });

test("seconds are waited for", () => {
  assert.equal(waitMs(answer("12"), 1), 12_000);
  assert.equal(waitMs(answer("0"), 1), 0);
});

test("without the header the wait doubles", () => {
  assert.deepEqual([1, 2, 3].map((attempt) => waitMs(answer(), attempt)), [500, 1000, 2000]);
});

test("nobody waits longer than the limit", () => {
  assert.equal(waitMs(answer("3600"), 1), 60_000);
});
