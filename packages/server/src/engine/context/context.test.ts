import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { room } from "../testing.ts";
import { TOOLS } from "../tools/all.ts";
import { schemaOf } from "../tools/tool.ts";
import { instructionPaths, instructionsFrom, instructionsInPrompt, touched } from "./instructions.ts";
import { READ_FOR_COMMANDS, repositoryMap } from "./repository-map.ts";
import { systemPrompt } from "./system-prompt.ts";

const INPUT = { conversation: [], model: "m", workspace: "/workspace/shop", stepsBefore: 0, ...room(1) };

test("of the instructions of a folder one file counts; the nearest to the root come first; together they have an end", () => {
  const paths = [
    "web/AGENTS.md",
    "AGENTS.md",
    "CLAUDE.md",
    "web/src/CLAUDE.md",
    "web/AGENTS.override.md",
    "docs/agents.md",
    "a/b/AGENTS.md",
  ];
  assert.deepEqual(instructionPaths(paths), ["AGENTS.md", "web/AGENTS.override.md", "a/b/AGENTS.md", "web/src/CLAUDE.md"]);

  const long = instructionsFrom([
    { path: "AGENTS.md", text: "ä".repeat(10_000) },
    { path: "web/AGENTS.md", text: "b".repeat(20_000) },
    { path: "c/AGENTS.md", text: "c" },
  ]);
  assert.deepEqual(
    long.map(({ folder }) => folder),
    ["", "web"],
  );
  assert.match(long[1]?.text ?? "", /^b{12768}\n\[\.\.\. cut here/);
});

test("instructions of the root stand in the prompt; those of a folder come once a call names it", () => {
  const all = instructionsFrom([
    { path: "AGENTS.md", text: "Use tabs." },
    { path: "web/AGENTS.md", text: "Use hooks." },
    { path: "web/src/AGENTS.md", text: "No classes." },
  ]);
  const prompt = instructionsInPrompt(all).join("\n");
  assert.ok(prompt.includes("Use tabs.") && prompt.includes("web/src/AGENTS.md") && !prompt.includes("Use hooks."));
  const by = (input: object | string, given: string[] = []) =>
    touched(all, [{ id: "1", name: "t", input: input as never }], new Set(given)).map(({ path }) => path);
  assert.deepEqual(by({ path: "web/src/a.ts" }), ["web/AGENTS.md", "web/src/AGENTS.md"]);
  assert.deepEqual(by({ command: "cd /workspace/shop/web && npm test" }), ["web/AGENTS.md"]);
  assert.deepEqual(by({ path: "web/src/a.ts" }, ["web/AGENTS.md"]), ["web/src/AGENTS.md"]);
  assert.deepEqual(by({ path: "websites/a.ts" }), []);
  assert.deepEqual(by({ path: "my-web/a.ts" }), []);
});

test("the map says what is where and which commands there are, in few words, whatever the names", () => {
  const texts = new Map([
    ["package.json", JSON.stringify({ scripts: { start: "node .", test: "vitest", "lint:all": `x${"y".repeat(500)}` } })],
    ["Makefile", "VERSION := 1\n.PHONY: test\nall: build\ntest: all\n\tgo test\n"],
    ["pyproject.toml", "[tool.ruff]\n"],
  ]);
  const paths = [...texts.keys(), "yarn.lock", "go.mod", "tests/deep/test_a.py", "pkg/web/package.json", "evil\u001b[31m\nname/\u202ex.ts"];
  const map = repositoryMap(paths, texts);
  for (const line of ["yarn run test: vitest", "make test", "python3 -m pytest", "ruff check", "go test ./..."])
    assert.ok(map.includes(`- ${line}`), map);
  assert.ok(map.indexOf("yarn run test") < map.indexOf("yarn run start"));
  assert.ok(!map.includes("VERSION") && map.includes("pkg/web/package.json"));
  assert.ok(map.includes("evil?[31m?name/ 1"));
  assert.doesNotMatch(map, /[\u001b\u202e]/);
  assert.doesNotMatch(repositoryMap(["package.json"], new Map([["package.json", '{"scripts": [1, null]}']])), /npm run/);
  const many = Array.from({ length: 50_000 }, (_, i) => `folder-with-a-long-name-${i % 300}/deep/${"x".repeat(200)}-${i}.ts`);
  assert.ok(repositoryMap(many, new Map()).length < 4_000, repositoryMap(many, new Map()));
});

test("of a root with too many entries the telling ones are named, and the others counted", () => {
  const odd = Array.from({ length: 60 }, (_, i) => [`a-note-${i}.txt`, `data-${i}/1.bin`, `data-${i}/2.bin`]).flat();
  const nested = [...Array.from({ length: 9 }, (_, i) => `data-0/deep/${i}/package.json`), "web/package.json"];
  const map = repositoryMap([...odd, "src/one.ts", "README.md", "main.go", "tsconfig.json", ...nested].toSorted(), new Map());
  const line = (start: string) => map.split("\n").find((one) => one.startsWith(start)) ?? "";
  assert.match(line("Folders"), /data-0\/ 11, .*\bsrc\/ 1\b.* and 37 more$/);
  assert.match(line("Files at the root"), /\bREADME\.md\b.*\bmain\.go\b.*\btsconfig\.json and 38 more$/);
  assert.match(line("More of them in"), /^More of them in: web\/package\.json, .* and 2 more$/);
});

test("each mode is told how to work; checks, machine and network are named", () => {
  const code = systemPrompt({ ...INPUT, checks: ["npm test"], machine: "System: Debian." });
  assert.ok(
    code.includes("smallest change") && code.includes("npm test") && code.includes("System: Debian.") && code.includes("no network"),
  );
  const ask = systemPrompt({ ...INPUT, mode: "ask" });
  assert.ok(ask.includes("wants an answer") && !ask.includes("smallest change"));
});

test("the first request of a small task has less than 4,000 tokens of ours", () => {
  const sample = fileURLToPath(new URL("../../../sample", import.meta.url));
  const paths = execFileSync("find", [".", "-type", "f"], { cwd: sample })
    .toString()
    .trim()
    .split("\n")
    .map((path) => path.slice(2));
  const texts = new Map(
    paths.filter((path) => READ_FOR_COMMANDS.includes(path)).map((path) => [path, readFileSync(join(sample, path), "utf8")]),
  );
  const tools = TOOLS.map(({ name, description, input }) => ({ name, description, parameters: schemaOf(input) }));
  assert.doesNotMatch(JSON.stringify(tools), /\$schema|9007199254740991/, "what says nothing to a model is not sent with every request");
  const machine =
    "System: Debian GNU/Linux 12 (bookworm), x86_64. Of the common programs there are: bash, git, rg, jq, make, gcc, node, npm, python3.";
  const instructions = [{ folder: "", path: "AGENTS.md", text: "Run npm test. ".repeat(20) }];
  const system = systemPrompt({ ...INPUT, machine, repository: { map: repositoryMap(paths, texts), instructions } });
  const tokens = Math.ceil((system.length + JSON.stringify(tools).length) / 4);
  assert.ok(tokens < 4_000, `${tokens} tokens: ${system.length} characters of prompt, ${JSON.stringify(tools).length} of tools`);
});

test("a justfile of one long line is looked through once", () => {
  const texts = new Map([["justfile", `${"a".repeat(1_000_000)}\ntest arg:\n  run\n`]]);
  assert.match(repositoryMap(["justfile"], texts), /- just test\n?/);
});
