import assert from "node:assert/strict";
import { test } from "node:test";
import { readDevcontainer } from "./devcontainer.ts";

const read = (text: string) => readDevcontainer(text, "/workspace/shop");

test("post-create command and variables count, comments and trailing commas are no fault", () => {
  assert.deepEqual(
    read(`{
      // what an editor makes
      "name": "Shop", "customizations": {"vscode": {}},
      "postCreateCommand": "npm ci && npm run build",
      "containerEnv": {"A": "1", "ROOT": "\${containerWorkspaceFolder}/src"},
      "remoteEnv": {"A": "2"},
    }`),
    { setup: "npm ci && npm run build\n", variables: { A: "2", ROOT: "/workspace/shop/src" }, notices: [] },
  );
});

test("a command may be words, or several by name", () => {
  assert.equal(read(`{"postCreateCommand": ["echo", "it's $HOME"]}`).setup, "'echo' 'it'\\''s $HOME'\n");
  assert.equal(read(`{"postCreateCommand": {"a": "npm ci", "b": ["make", "x"]}}`).setup, "npm ci\n'make' 'x'\n");
});

test("what is not honoured is said", () => {
  const { notices, variables, setup } = read(
    `{"image": "debian", "features": {}, "postCreateCommand": 3, "containerEnv": {"T": "\${localEnv:TOKEN}", "GIT_DIR": "/x", "N": null, "OK": "y"}}`,
  );
  assert.equal(setup, "");
  assert.deepEqual(variables, { OK: "y" });
  assert.deepEqual(notices, [
    "these fields are not honoured: image, features",
    "postCreateCommand is not honoured: it is no command",
    "containerEnv.T is not honoured",
    "containerEnv.GIT_DIR is not honoured",
    "containerEnv.N is not honoured",
  ]);
  assert.match(read('{\n  "image": \n}').notices[0] ?? "", /^is not honoured: line 3: /);
  assert.deepEqual(read("[]").notices, ["is not honoured: it is no object"]);
});

test("what is nested too deeply, or full of beginnings of places, ends too", () => {
  assert.deepEqual(read("[".repeat(200_000)).notices, ["is not honoured: it is nested too deeply"]);
  const value = "${".repeat(120_000);
  assert.equal(read(JSON.stringify({ containerEnv: { A: value } })).variables.A, value);
});
