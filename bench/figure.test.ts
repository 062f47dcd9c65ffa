import assert from "node:assert/strict";
import { test } from "node:test";
import { inMs, p50p99, percentile, table } from "./figure.ts";

test("a percentile is a value that was measured", () => {
  const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);
  assert.deepEqual([percentile(hundred, 50), percentile(hundred, 99), percentile(hundred, 100)], [50, 99, 100]);
  assert.deepEqual([percentile([3, 1, 2], 50), percentile([7], 99)], [2, 7]);
});

test("times are as exact as one can read them", () => {
  assert.deepEqual([inMs(1.234), inMs(56.7), inMs(12_345)], ["1.2 ms", "57 ms", "12.3 s"]);
  assert.equal(p50p99([1, 2, 3]), "p50 2.0 ms, p99 3.0 ms");
});

test("the table is Markdown, whatever stands in a cell", () => {
  assert.equal(
    table([{ what: "a | b", farhand: "1\n2", podman: null, bare: "3" }]),
    "| What | Farhand | `podman` | bare | `codex exec` |\n| --- | --- | --- | --- | --- |\n| a \\| b | 1 2 |  | 3 |  |",
  );
});
