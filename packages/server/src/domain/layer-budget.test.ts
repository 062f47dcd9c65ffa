import assert from "node:assert/strict";
import { test } from "node:test";
import { beyondBudget } from "./layer-budget.ts";

const sizes = new Map([..."abcdef"].map((layer) => [layer, 10]));
const oldest = { id: "1", layers: ["b", "a"] };
const older = { id: "2", layers: ["c", "a"] };
const newest = { id: "3", layers: ["d"] };
const none = () => false;

test("nothing goes while there is room", () => {
  assert.deepEqual(beyondBudget([oldest, older, newest], sizes, none, 40), { stacks: [], layers: [] });
});

test("the least recently used goes first, and only the layers that no other stack needs", () => {
  assert.deepEqual(beyondBudget([oldest, older, newest], sizes, none, 39), { stacks: ["1"], layers: ["b"] });
  assert.deepEqual(beyondBudget([oldest, older, newest], sizes, none, 10), { stacks: ["1", "2"], layers: ["b", "c", "a"] });
  assert.deepEqual(beyondBudget([oldest, older, newest], sizes, none, 0), { stacks: ["1", "2", "3"], layers: ["b", "c", "a", "d"] });
});

test("none goes that is stood on, however small the budget", () => {
  const held = (layer: string) => layer === "b" || layer === "a";
  assert.deepEqual(beyondBudget([oldest, older, newest], sizes, held, 0), { stacks: ["2", "3"], layers: ["c", "d"] });
});
