import assert from "node:assert/strict";
import { test } from "node:test";
import { readRecipeFile } from "./file.ts";

const faults = (text: string) => {
  const read = readRecipeFile(text);
  return read.ok ? [] : read.faults;
};

test("values are taken as they are written", () => {
  const text = `
# what this project needs
setup: |
  npm ci
variables: {DEBUG: no, PORT: 08080, "EMPTY": }
toolchains:
  node: 22
  python: 3.10
checks:
  - npm test
network: none
setupNetwork:
  kind: allow
  presets: [package-managers]
  ports: [443]
`;
  assert.deepEqual(readRecipeFile(text), {
    ok: true,
    recipe: {
      setup: "npm ci\n",
      variables: { DEBUG: "no", PORT: "08080", EMPTY: "" },
      toolchains: { node: "22", python: "3.10" },
      checks: ["npm test"],
      network: { kind: "none" },
      setupNetwork: { kind: "allow", domains: [], presets: ["package-managers"], ports: [443] },
    },
  });
  assert.deepEqual(readRecipeFile(""), { ok: true, recipe: {} });
});

test("what is wrong is named with its line", () => {
  assert.deepEqual(faults("setup: npm ci\nsecrets:\n  TOKEN: x\ntoken: y\n"), [
    "line 2: secrets is no field: there are setup, maintenance, variables, toolchains, checks, setupNetwork, network",
    "line 4: token is no field: there are setup, maintenance, variables, toolchains, checks, setupNetwork, network",
  ]);
  assert.match(faults("\n\nvariables:\n  A: 1\n  GIT_DIR: /x\n")[0] ?? "", /^line 5: variables\.GIT_DIR: .*git's own use/);
  assert.match(faults("toolchains:\n  node: latest\n")[0] ?? "", /^line 2: toolchains\.node: is no version/);
  assert.match(faults("toolchains:\n  cobol: 85\n")[0] ?? "", /^line 2: toolchains\.cobol/);
  assert.match(faults("checks:\n  - a\n  - [b]\n")[0] ?? "", /^line 3: checks\.1: /);
  assert.match(
    faults("network:\n  kind: allow\n  domains:\n    - '*.example.org'\n")[0] ?? "",
    /^line 4: network\.domains\.0: .*needs no \*/,
  );
  assert.match(faults("setup: [\n")[0] ?? "", /^line \d: /);
  assert.match(faults("setup: a\nsetup: b\n")[0] ?? "", /^line 2: setup is there twice/);
  assert.deepEqual(faults("- a\n"), ["line 1: a list of fields is expected, such as setup: npm ci"]);
});

test("a long file of faults names the first ones, and takes time in proportion to its length", () => {
  const names = Array.from({ length: 30_000 }, (_, index) => `k${index}`);
  assert.equal(faults(names.map((name) => `${name}: x`).join("\n")).length, 10);
  assert.equal(faults("a: 1\n".repeat(50_000)).length, 10);
  assert.equal(faults("[".repeat(100_000)).length > 0, true);
});

test("neither aliases nor tags do anything", () => {
  assert.match(faults("variables: &v {A: x}\ntoolchains: *v\n")[0] ?? "", /aliases/);
  const bomb = `a: &a [x,x]\n${"bcdefghij".replace(/./g, (name, at: number) => `${name}: &${name} [*${"abcdefghi"[at]},*${"abcdefghi"[at]}]\n`)}`;
  assert.match(faults(bomb)[0] ?? "", /aliases/);
  assert.deepEqual(
    readRecipeFile("variables: {A: !!js/function 'x', __proto__: y}\n"),
    readRecipeFile("variables: {A: x, __proto__: y}\n"),
  );
  assert.equal(({} as Record<string, unknown>).A, undefined);
});
