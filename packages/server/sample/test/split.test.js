import assert from "node:assert/strict";
import { test } from "node:test";
import { toCents } from "../src/money.js";
import { split } from "../src/split.js";

const sum = (amounts) => amounts.map(toCents).reduce((a, b) => a + b, 0);

test("what divides evenly is split evenly", () => {
  assert.deepEqual(split("12.00", 4), ["3.00", "3.00", "3.00", "3.00"]);
});

test("the parts add up to the whole", () => {
  for (const people of [1, 2, 3, 6, 7]) assert.equal(sum(split("10.00", people)), 1000, `10.00 among ${people}`);
});

test("nobody pays more than a cent more than another", () => {
  assert.deepEqual(split("10.00", 3), ["3.34", "3.33", "3.33"]);
});

test("a bill cannot be split among nobody", () => {
  assert.throws(() => split("10.00", 0), /at least one person/);
});
