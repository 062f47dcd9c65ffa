import assert from "node:assert/strict";
import { test } from "node:test";
import { toAmount, toCents } from "../src/money.js";

test("amounts are read to the cent", () => {
  assert.equal(toCents("12.50"), 1250);
  assert.equal(toCents("12.5"), 1250);
  assert.equal(toCents("7"), 700);
  assert.throws(() => toCents("seven"), /no amount of money/);
});

test("amounts are written with two digits", () => {
  assert.equal(toAmount(1250), "12.50");
  assert.equal(toAmount(5), "0.05");
});
