import assert from "node:assert/strict";
import { test } from "node:test";
import { limitChanges } from "./limit-options.ts";

test("limits of the next turn: what is named, and usual to take one away", () => {
  assert.equal(limitChanges({}), null);
  assert.deepEqual(limitChanges({ maxSteps: "400", maxCost: "usual", maxTokens: "usual" }), { steps: 400, costUsd: null, tokens: null });
  assert.throws(() => limitChanges({ maxMinutes: "usually" }), /--max-minutes takes a whole number/);
});
