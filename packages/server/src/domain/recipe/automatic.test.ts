import assert from "node:assert/strict";
import { test } from "node:test";
import { automaticSetup } from "./automatic.ts";

/** The commands that are found, and the files they are found by. */
function found(files: Readonly<Record<string, string>>): { commands: string[]; by: string[] } | null {
  const paths = Object.keys(files);
  const setup = automaticSetup(
    paths.map((path) => ({ path, id: `id of ${path}` })),
    new Map(Object.entries(files)),
  );
  if (!setup) return null;
  const commands = setup.script.split("\n").flatMap((line) => (line.startsWith("  ") && !line.startsWith("  echo") ? [line.trim()] : []));
  return { commands, by: Object.keys(setup.foundBy) };
}

const dependent = JSON.stringify({ dependencies: { hono: "4" } });
const managed = (packageManager: string) => JSON.stringify({ dependencies: { hono: "4" }, packageManager });

test("each package manager is known by its files", () => {
  for (const [files, command, by] of [
    [{ "package.json": "{}", "package-lock.json": "{}" }, "npm ci", "package-lock.json"],
    [{ "package.json": "{}", "npm-shrinkwrap.json": "{}" }, "npm ci", "npm-shrinkwrap.json"],
    [{ "package.json": dependent }, "npm install", "package.json"],
    [{ "package.json": "{}", "pnpm-lock.yaml": "" }, "pnpm install --frozen-lockfile", "pnpm-lock.yaml"],
    [{ "package.json": managed("pnpm@10.1.0+sha512.x") }, "pnpm install", "package.json"],
    [{ "package.json": managed("npm@11.0.0"), "yarn.lock": "", "package-lock.json": "" }, "npm ci", "package-lock.json"],
    [{ "package.json": "{}", "yarn.lock": "" }, "yarn install --frozen-lockfile", "yarn.lock"],
    [{ "package.json": "{}", "yarn.lock": "", ".yarnrc.yml": "" }, "yarn install --immutable", "yarn.lock"],
    [{ "package.json": managed("yarn@4.9.0"), "yarn.lock": "" }, "yarn install --immutable", "yarn.lock"],
    [{ "uv.lock": "", "pyproject.toml": "[project]" }, 'uv sync --frozen && echo "PATH=$PWD/.venv/bin:$PATH" >> "$FARHAND_ENV"', "uv.lock"],
    [
      { "poetry.lock": "", "requirements.txt": "" },
      'POETRY_VIRTUALENVS_IN_PROJECT=1 poetry install --no-interaction && echo "PATH=$PWD/.venv/bin:$PATH" >> "$FARHAND_ENV"',
      "poetry.lock",
    ],
    [
      { "requirements.txt": "requests" },
      'python3 -m venv .venv && .venv/bin/python -m pip install --requirement requirements.txt && echo "PATH=$PWD/.venv/bin:$PATH" >> "$FARHAND_ENV"',
      "requirements.txt",
    ],
    [
      { "pyproject.toml": '[project]\nname = "x"' },
      'python3 -m venv .venv && .venv/bin/python -m pip install --editable . && echo "PATH=$PWD/.venv/bin:$PATH" >> "$FARHAND_ENV"',
      "pyproject.toml",
    ],
    [{ "Cargo.toml": "", "Cargo.lock": "" }, "cargo fetch --locked", "Cargo.lock"],
    [{ "Cargo.toml": "" }, "cargo fetch", "Cargo.toml"],
    [{ "go.mod": "", "go.sum": "" }, "go mod download", "go.sum"],
    [{ Gemfile: "", "Gemfile.lock": "" }, "bundle config set --local path vendor/bundle && bundle install", "Gemfile.lock"],
    [{ "composer.json": "", "composer.lock": "" }, "composer install --no-interaction", "composer.lock"],
  ] as const) {
    assert.deepEqual(found(files as unknown as Record<string, string>), { commands: [command], by: [by] });
  }
});

test("Java's own wrappers come first, and are told of the proxy", () => {
  assert.match(found({ "pom.xml": "" })?.commands[0] ?? "", /proxyHost=127\.0\.0\.1.*; mvn --batch-mode dependency:go-offline$/);
  assert.match(found({ "pom.xml": "", mvnw: "" })?.commands[0] ?? "", /; sh \.\/mvnw --batch-mode/);
  assert.match(found({ "build.gradle.kts": "" })?.commands[0] ?? "", /; gradle --no-daemon dependencies$/);
  assert.match(found({ "build.gradle": "", gradlew: "" })?.commands[0] ?? "", /; sh \.\/gradlew --no-daemon dependencies$/);
});

test("where there is nothing to install there is no setup", () => {
  for (const files of [
    {},
    { "README.md": "" },
    { "package.json": "{}" },
    { "package.json": "no json" },
    { "package.json": '{"dependencies": {}}' },
    { "pyproject.toml": "[tool.ruff]" },
  ])
    assert.equal(found(files as Record<string, string>), null, JSON.stringify(files));
});

test("folders beneath the root count where the root has none of the family, and only with plain names", () => {
  assert.deepEqual(found({ "web/package.json": dependent, "web/package-lock.json": "", "api/go.mod": "" }), {
    commands: ["(cd api && go mod download)", "(cd web && npm ci)"].toReversed(),
    by: ["web/package-lock.json", "api/go.mod"],
  });
  assert.deepEqual(found({ "package.json": dependent, "web/package.json": dependent })?.by, ["package.json"]);
  for (const name of ["tests", "examples", "node_modules", ".cache", "-rf", "a b", "$(id)", "a;b", "ä"])
    assert.equal(found({ [`${name}/package.json`]: dependent }), null, name);
  const many = Object.fromEntries(Array.from({ length: 30 }, (_, number) => [`p${number}/go.mod`, ""]));
  assert.equal(found(many)?.by.length, 8);
});

test("a step whose tool is not there is passed over", () => {
  const script = automaticSetup([{ path: "web/go.mod", id: "1" }], new Map())?.script;
  assert.equal(
    script,
    '# web/go.mod\nif command -v go > /dev/null; then\n  (cd web && go mod download)\nelse\n  echo "go is not here: passing over web/go.mod" >&2\nfi\n',
  );
});
