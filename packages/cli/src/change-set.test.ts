import assert from "node:assert/strict";
import { test } from "node:test";
import { type Change, readRawDiff, refusalOf, risksOf } from "./change-set.ts";

const file = (path: string, more: Partial<Change> = {}): Change => ({
  path,
  status: "A",
  oldMode: "000000",
  newMode: "100644",
  oldBlob: "0",
  newBlob: "1",
  ...more,
});
const contents = (texts: Record<string, string>) => async (blob: string) => texts[blob] ?? "";
const reasons = async (change: Change, texts: Record<string, string> = {}) =>
  (await risksOf([change], contents(texts))).map((risk) => risk.reason);

test("git's own list of changes is read, names with newlines and quotes too", () => {
  const blob = (digit: string) => digit.repeat(40);
  const raw = `:100644 100755 ${blob("a")} ${blob("b")} M\0we"ird\nname\0:000000 120000 ${blob("0")} ${blob("c")} A\0link\0`;
  assert.deepEqual(readRawDiff(Buffer.from(raw)), [
    { path: 'we"ird\nname', status: "M", oldMode: "100644", newMode: "100755", oldBlob: blob("a"), newBlob: blob("b") },
    { path: "link", status: "A", oldMode: "000000", newMode: "120000", oldBlob: blob("0"), newBlob: blob("c") },
  ]);
  assert.deepEqual(readRawDiff(Buffer.alloc(0)), []);
  assert.throws(() => readRawDiff(Buffer.from("nonsense\0x\0")));
});

test("what tools of this machine run or obey is named", async () => {
  for (const path of [
    "Makefile",
    "sub/GNUmakefile",
    ".github/workflows/ci.yml",
    ".vscode/settings.json",
    "x/.idea/workspace.xml",
    ".husky/pre-commit",
    ".pre-commit-config.yaml",
    ".envrc",
    ".bashrc",
    ".npmrc",
    ".cargo/config.toml",
    "build.rs",
    "setup.py",
    "conftest.py",
    ".gitattributes",
    ".gitmodules",
    ".devcontainer/devcontainer.json",
    "Dockerfile.dev",
    "compose.yaml",
    ".mcp.json",
    "MAKEFILE",
  ]) {
    assert.equal((await reasons(file(path))).length, 1, path);
  }
  for (const path of ["src/index.ts", "README.md", "docs/makefile.md", "environment.ts", "src/dockerfile-parser.ts", "gitattributes.txt"]) {
    assert.deepEqual(await reasons(file(path)), [], path);
  }
  assert.deepEqual(await reasons(file("Makefile", { status: "D", newMode: "000000" })), [], "what goes can run nothing");
});

test("programs, links and submodules are named", async () => {
  assert.deepEqual(await reasons(file("a", { newMode: "100755" })), ["is a new program"]);
  assert.deepEqual(await reasons(file("a", { oldMode: "100644", newMode: "100755" })), ["becomes a program"]);
  assert.deepEqual(await reasons(file("a", { newMode: "160000" })), ["is a submodule"]);
  for (const [target, leaves] of [
    ["../x", true],
    ["/etc/passwd", true],
    ["b/../../../x", true],
    ["C:\\x", true],
    ["x", false],
    ["../sub/x", false],
  ] as const) {
    const path = target === "../sub/x" ? "sub/link" : "link";
    assert.equal((await reasons(file(path, { newMode: "120000" }), { "1": target })).length, leaves ? 1 : 0, target);
  }
});

test("a package.json is named for what npm would run or install, not for its description", async () => {
  const change = (before: string, after: string) =>
    reasons(file("p/package.json", { status: "M", oldMode: "100644" }), { "0": before, "1": after });
  assert.deepEqual(await change('{"description":"a"}', '{"description":"b"}'), []);
  assert.deepEqual(await change('{"scripts":{"test":"x"}}', '{"scripts":{"test":"y"},"dependencies":{"a":"1"}}'), [
    "changes scripts, dependencies, which npm runs or installs",
  ]);
  assert.equal((await change("not json", '{"scripts":{}}')).length, 1);
});

test("paths of git's own and paths that lead out are refused, in every spelling", async () => {
  for (const path of [
    ".git/config",
    "sub/.git/hooks/x",
    ".GIT/x",
    ".git /x",
    ".git./x",
    "git~1/x",
    ".git:stream/x",
    ".g\u200cit/x",
    "../x",
    "/x",
    "a/../b",
    "a//b",
  ]) {
    assert.ok(await refusalOf([file(path)], contents({})), path);
  }
  for (const path of [".github/x", ".gitignore", "git/x", "a.git/x"]) assert.equal(await refusalOf([file(path)], contents({})), null, path);
  assert.ok(await refusalOf([file("l", { newMode: "120000" })], contents({ "1": "x/.Git/hooks" })));
});
