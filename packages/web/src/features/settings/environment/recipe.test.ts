import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULT_LIMITS } from "@farhand/protocol";
import { lineDiff } from "./line-diff.ts";
import { changesOf, newRecipe, rebased } from "./recipe.ts";
import { read, textOf } from "./recipe-text.ts";

const shop = {
  ...newRecipe(),
  repository: "https://example.org/shop.git",
  setup: 'npm ci\necho "done: yes" # not a comment\n\n',
  variables: { PORT: "3000", GREETING: "two\nlines", EMPTY: "" },
  network: { kind: "allow" as const, domains: ["example.org"], presets: ["package-managers" as const], ports: [443] },
};

test("a recipe and its YAML are the same thing", () => {
  assert.deepEqual(read(textOf(shop)), { recipe: shop, faults: [] });
  assert.match(textOf(shop), /^setup: \|\+?\n {2}npm ci\n {2}echo "done: yes"/m);
  assert.deepEqual(read("repository: https://example.org/x.git\n").recipe, {
    ...newRecipe(),
    repository: "https://example.org/x.git",
    limits: {},
  });
});

test("what is wrong is named with its line", () => {
  const lines = (text: string) => read(text).faults.map(({ line, text: what }) => [line, what.replace(/:.*/s, "")]);
  assert.deepEqual(lines("repository: /x\nsetupMinutes: 0\nnetwork:\n  kind: allow\n  domains:\n    - example.org\n    - '*'\n"), [
    [2, "setupMinutes"],
    [7, "network.domains.1"],
  ]);
  assert.deepEqual(lines("repository: /x\nsecrets:\n  A: b\nlimits:\n  memory: 3\n"), [
    [5, "limits.memory is not known here"],
    [2, "secrets is not known here"],
  ]);
  assert.match(read("repository: /x\nvariables:\n  PORT: 3000\n").faults[0]?.text ?? "", /put it in quotes/);
  assert.equal(read("repository: /x\nsetup: 'open\n").faults[0]?.line, 3);
  assert.equal(read("repository: /x\nrepository: /y\n").faults[0]?.line, 2);
  assert.equal(read("").faults[0]?.line, 1);
  assert.equal(read("- a\n").faults.length, 1);
});

test("only what differs is sent, and what is gone is named", () => {
  assert.deepEqual(changesOf(shop, shop), {});
  assert.deepEqual(changesOf(shop, { ...shop, variables: { PORT: "1" }, branch: "next" }), {
    branch: "next",
    variables: { PORT: "1", GREETING: null, EMPTY: null },
  });
  assert.deepEqual(changesOf({ ...shop, toolchains: { node: "22", go: "1.24" } }, { ...shop, toolchains: { node: "24" } }), {
    toolchains: { node: "24", go: null },
  });
  assert.deepEqual(changesOf({ ...shop, limits: { ...DEFAULT_LIMITS, cpus: 7 } }, { ...shop, limits: {} }), { limits: DEFAULT_LIMITS });
  assert.deepEqual(changesOf(shop, { ...shop, variables: { EMPTY: "", GREETING: "two\nlines", PORT: "3000" } }), {});
});

test("a difference keeps what is common, and makes the second text of the first", () => {
  const before = "a\nb\nc\nd\ne\n";
  const after = "a\nc\nx\nd\ne\nf\n";
  assert.deepEqual(
    lineDiff(before, after).map(({ kind, text }) => ({ same: " ", added: "+", removed: "-" })[kind] + text),
    [" a", "-b", " c", "+x", " d", " e", "+f"],
  );
  assert.deepEqual(lineDiff("", "a\n"), [{ kind: "added", text: "a" }]);
  assert.deepEqual(lineDiff("same\n", "same\n"), [{ kind: "same", text: "same" }]);
  const large = Array.from({ length: 3000 }, (_, at) => `line ${at}`);
  const diff = lineDiff(large.join("\n"), large.toReversed().join("\n"));
  assert.deepEqual(
    diff.filter(({ kind }) => kind !== "added").map(({ text }) => text),
    large,
  );
});

test("what one changed is taken over upon what another changed", () => {
  const mine = { ...shop, setup: "mine", publish: "always" as const };
  const theirs = { ...shop, setup: "theirs", maintenance: "theirs" };
  assert.deepEqual(rebased(shop, mine, theirs), { ...shop, setup: "mine", publish: "always", maintenance: "theirs" });
});
