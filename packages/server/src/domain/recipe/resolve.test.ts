import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULT_LIMITS, type EnvironmentSpec, NO_SETUP, recipeInWords } from "@farhand/protocol";
import { narrowerNetwork } from "./narrower-network.ts";
import { resolveRecipe, type Said } from "./resolve.ts";

const spec: EnvironmentSpec = {
  repository: "/srv/shop.git",
  branch: null,
  publish: "click",
  transcript: "none",
  limits: DEFAULT_LIMITS,
  ...NO_SETUP,
  network: { kind: "none" },
};
const said: Said = {
  recipe: { setup: "make", variables: { A: "file", B: "file" }, toolchains: { node: "22", go: "1.24" }, checks: ["make test"] },
  devcontainer: { path: ".devcontainer.json", setup: "npm ci", variables: { C: "dev" }, notices: ["image is not honoured"] },
  automatic: { script: "npm install", foundBy: { "package.json": "1" } },
};

test("the environment wins over the recipe, that over devcontainer.json, that over automatic setup", () => {
  const own = resolveRecipe({ ...spec, setup: "mine", variables: { A: "mine" }, toolchains: { node: "24" }, checks: ["x"] }, said);
  assert.deepEqual(
    [own.scripts, own.setup, own.variables, own.toolchains, own.checks],
    ["environment", "mine", { A: "mine", B: "file" }, { node: "24", go: "1.24" }, ["x"]],
  );
  assert.equal(recipeInWords(own), "setup of the environment; also by .farhand/environment.yaml");

  const file = resolveRecipe(spec, said);
  assert.deepEqual([file.scripts, file.setup, file.checks, file.notices], ["repository", "make", ["make test"], []]);
  assert.deepEqual(file.variables, { A: "file", B: "file" }, "devcontainer.json counts only where there is no recipe");

  const dev = resolveRecipe(spec, { ...said, recipe: null });
  assert.deepEqual([dev.scripts, dev.setup, dev.variables], ["devcontainer", "npm ci", { C: "dev" }]);
  assert.deepEqual(dev.notices, [".devcontainer.json: image is not honoured"]);
  assert.equal(recipeInWords(dev), "setup of .devcontainer.json");

  const automatic = resolveRecipe(spec, { ...said, recipe: { checks: ["t"] } });
  assert.deepEqual([automatic.scripts, automatic.setup, automatic.checks], ["automatic", "npm install", ["t"]]);
  assert.equal(recipeInWords(automatic), "setup found by package.json; also by .farhand/environment.yaml");

  assert.deepEqual(resolveRecipe(spec, { ...said, recipe: { setup: "" } }).setup, "", "a recipe may say that there is no setup");
});

test("a repository only narrows the network; what it does not get is said", () => {
  const ports = [80, 443];
  const allow = (...domains: string[]) => ({ kind: "allow", domains, presets: [], ports }) as const;
  for (const [policy, wish, network, refused] of [
    [{ kind: "none" }, { kind: "all", ports }, { kind: "none" }, ["every public host"]],
    [{ kind: "none" }, allow("a.org"), { kind: "none" }, ["a.org"]],
    [{ kind: "all", ports }, { kind: "none" }, { kind: "none" }, []],
    [{ kind: "all", ports }, allow("a.org"), allow("a.org"), []],
    [{ kind: "all", ports }, { kind: "all", ports: [443, 8080] }, { kind: "all", ports: [443] }, ["port 8080"]],
    [allow("a.org"), { kind: "all", ports }, allow("a.org"), ["every public host"]],
    [allow("a.org", "b.org"), allow("x.a.org", "org.net"), allow("x.a.org"), ["org.net"]],
    [allow("x.a.org", "b.org"), allow("a.org"), allow("x.a.org"), ["a.org"]],
    [allow("a.org"), allow("ba.org"), { kind: "none" }, ["ba.org"]],
    [allow("a.org"), { ...allow("a.org"), ports: [8080] }, { kind: "none" }, ["port 8080"]],
  ] as const)
    assert.deepEqual(narrowerNetwork(policy as never, wish as never), { network, refused }, JSON.stringify([policy, wish]));

  const preset = narrowerNetwork(
    { kind: "allow", domains: [], presets: ["common"], ports },
    { kind: "allow", domains: [], presets: ["package-managers"], ports },
  );
  assert.deepEqual(preset.refused, []);
  assert.ok(
    preset.network.kind === "allow" && preset.network.domains.includes("npmjs.org") && !preset.network.domains.includes("github.com"),
  );

  const recipe = resolveRecipe(spec, { recipe: { network: allow("a.org") as never }, devcontainer: null, automatic: null });
  assert.deepEqual(recipe.network, { kind: "none" });
  assert.deepEqual(recipe.notices, [
    ".farhand/environment.yaml: network is narrower than it asks for; the environment does not allow a.org",
  ]);
});
