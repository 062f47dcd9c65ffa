import assert from "node:assert/strict";
import { test } from "node:test";
import { fileNamer } from "./named-file.ts";

test("words name a file of the diff, alone, with a line, from the root or by its end", () => {
  const find = fileNamer(["src/cart.ts", "README.md", "a/index.ts", "b/index.ts", "constructor"]);
  const cart = (line: number | null) => ({ path: "src/cart.ts", line });
  for (const [words, found] of [
    ["src/cart.ts", cart(null)],
    ["src/cart.ts:18", cart(18)],
    ["src/cart.ts:18-27", cart(18)],
    ["src/cart.ts:18:5", cart(18)],
    ["./src/cart.ts", cart(null)],
    ["/workspace/shop/src/cart.ts:3", cart(3)],
    ["cart.ts", cart(null)],
    ["README.md", { path: "README.md", line: null }],
    ["a/index.ts:1", { path: "a/index.ts", line: 1 }],
    ["index.ts", null],
    ["other/cart.ts", null],
    ["art.ts", null],
    ["src/", null],
    ["", null],
    [":1", null],
    ["toString", null],
    [`${"x/".repeat(500)}src/cart.ts`, null],
  ] as const)
    assert.deepEqual(find(words), found, words);
});

test("of a name that very many files have, only the whole path names one", () => {
  const find = fileNamer(Array.from({ length: 5000 }, (_, number) => `packages/p${number}/index.ts`));
  assert.deepEqual(find("./packages/p7/index.ts:3"), { path: "packages/p7/index.ts", line: 3 });
  assert.equal(find("p7/index.ts"), null);
});
