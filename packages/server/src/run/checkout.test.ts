import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { DEFAULT_LIMITS } from "@farhand/protocol";
import { fetchMirror } from "../forge/git/mirror.ts";
import { parseRepository } from "../forge/git/repository.ts";
import type { LayerId, Sandbox } from "../sandbox/sandbox.ts";
import { testDriver } from "../sandbox/testing.ts";
import { bareCopy, commitFiles, git, makeBlob, makeRepository, makeTreeObject, testFolder } from "../testing/git-repository.ts";
import { makeTree, type TreeWish } from "./checkout.ts";
import { collectPatch } from "./collect.ts";
import { runInSandbox } from "./sandbox-git.ts";

const never = new AbortController().signal;
const FOLDER = "/workspace/shop";

async function place() {
  const resources = new AsyncDisposableStack();
  const folder = resources.use(await testFolder());
  const drivers = resources.use(await testDriver());
  const work = join(folder.path, "work");
  const base = makeRepository(work, { "README.md": "hello\n", "bin/run": "#!/bin/sh\n", "gone/later.txt": "x\n" });
  const access = { repository: parseRepository(work), token: null, administrator: true };
  const mirror = () => fetchMirror({ home: join(folder.path, "home"), repositoryId: "repo_1", access }, never);
  const sandbox = (layers: LayerId[] = []) => drivers.create({ layers, limits: { ...DEFAULT_LIMITS, diskMb: 4096 } });
  const make = async (inside: Sandbox, wish: Partial<TreeWish> & { commit: string }, signal = never) =>
    makeTree(inside, await mirror(), { folder: FOLDER, layerCommit: null, ...wish }, signal);
  return { folder: folder.path, work, base, driver: drivers.driver, sandbox, make, [Symbol.asyncDispose]: () => resources.disposeAsync() };
}

async function sh(sandbox: Sandbox, script: string): Promise<string> {
  // In the environment that an agent's commands have, without the settings of our own git.
  const unset = ["LC_ALL", "GIT_CONFIG_NOSYSTEM", "GIT_CONFIG_GLOBAL", "GIT_ATTR_NOSYSTEM", "GIT_NO_REPLACE_OBJECTS"].flatMap((name) => [
    "-u",
    name,
  ]);
  const argv = ["env", ...unset, "bash", "-ec", script] as [string, ...string[]];
  return (await runInSandbox(sandbox, { argv, cwd: FOLDER }, never)).toString().trimEnd();
}

test("the tree is a repository of its own: branch work, history, tags, an author; no remote and nothing of the host", async () => {
  await using at = await place();
  git(at.work, ["tag", "--annotate", "--message", "one", "v1"]);
  git(at.work, ["tag", "light"]);
  git(at.work, ["checkout", "--quiet", "-b", "secret-branch"]);
  const other = commitFiles(at.work, { "other.txt": "other\n" });
  git(at.work, ["tag", "elsewhere"]);
  git(at.work, ["checkout", "--quiet", "main"]);
  const head = commitFiles(at.work, { "new.txt": "new\n" });
  await using inside = await at.sandbox();
  await at.make(inside, { commit: head, author: { name: "Ada \u001b\nLovelace", email: "ada@example.org" } });
  assert.equal(await sh(inside, "git status --porcelain --branch --ignored"), "## work");
  assert.equal(await sh(inside, "git log --format=%H"), `${head}\n${at.base}`);
  assert.equal(await sh(inside, "git tag --list"), "light\nv1");
  assert.equal(await sh(inside, "git cat-file -t v1"), "tag");
  assert.equal(await sh(inside, "git for-each-ref refs/heads refs/remotes; git remote; git stash list"), `${head} commit\trefs/heads/work`);
  assert.equal(await sh(inside, `git cat-file -e ${other} 2> /dev/null || echo absent`), "absent");
  assert.equal(
    await sh(inside, "git commit --quiet --allow-empty --message x && git log -1 --format='%an <%ae>'"),
    "Ada Lovelace <ada@example.org>",
  );
  assert.equal(await sh(inside, "git fsck --full --strict 2>&1; git reflog | wc -l"), "1");
  const texts = await sh(inside, "cat .git/config; cat ../.farhand/*/config; ls -A .git/hooks ../.farhand/*/hooks 2> /dev/null || true");
  assert.ok(!texts.includes(at.folder) && !texts.includes(".sample"), texts);
});

test("a sandbox on a layer of the commit needs nothing, one on a layer of another gets the difference, forwards and back", async () => {
  await using at = await place();
  const first = await at.sandbox();
  await at.make(first, { commit: at.base });
  const layer = await at.driver.seal(first, "tree");
  git(at.work, ["tag", "old"]);
  git(at.work, ["rm", "--quiet", "-r", "gone"]);
  git(at.work, ["mv", "bin/run", "run"]);
  const later = commitFiles(at.work, { "README.md": "changed\n", gone: "a file now\n" });
  git(at.work, ["tag", "new"]);
  git(at.work, ["checkout", "--quiet", "--orphan", "unrelated"]);
  git(at.work, ["rm", "--quiet", "-rf", "."]);
  const unrelated = commitFiles(at.work, { "only.txt": "only\n" });

  for (const commit of [at.base, later, unrelated]) {
    await using inside = await at.sandbox([layer]);
    await at.make(inside, { commit, layerCommit: at.base });
    assert.equal(await sh(inside, "git rev-parse HEAD"), commit);
    assert.equal(await sh(inside, "git status --porcelain --branch"), "## work");
    assert.equal(await sh(inside, "git ls-files | sort"), git(at.work, ["ls-tree", "-r", "--name-only", commit]));
    await sh(inside, "git fsck --full --strict; echo more > more.txt");
    const found = await collectPatch(inside, { folder: FOLDER, base: commit }, { maxBytes: 1_000_000 }, never);
    assert.ok(found.kind === "patch" && found.stats.files === 1 && found.leftOut.length === 0);
  }

  const second = await at.sandbox([layer]);
  await at.make(second, { commit: later, layerCommit: at.base });
  const upper = await at.driver.seal(second, "tree 2");
  await using back = await at.sandbox([upper, layer]);
  await at.make(back, { commit: at.base, layerCommit: later });
  assert.equal(await sh(back, "git status --porcelain --branch; git tag; ls"), "## work\nold\nREADME.md\nbin\ngone");
});

test("a tree with names that could act on a checkout is refused in words, and nothing of it is outside", async () => {
  await using at = await place();
  const blob = makeBlob(at.work, "x\n");
  const evil = makeTreeObject(at.work, [{ mode: "100644", name: "config", id: blob }]);
  const commit = git(at.work, ["commit-tree", makeTreeObject(at.work, [{ mode: "40000", name: ".GIT", id: evil }]), "-m", "evil"]);
  const bare = join(at.folder, "mirror.git"); // as if it had come past the checks of the fetch
  bareCopy(at.work, bare);
  git(at.work, ["push", "--quiet", bare, `${commit}:refs/heads/evil`]);
  await using inside = await at.sandbox();
  const mirror = { path: bare, repository: parseRepository(at.work) };
  await assert.rejects(makeTree(inside, mirror, { commit, folder: FOLDER, layerCommit: null }, never), {
    name: "UserError",
    message: /could not be checked out: git read-tree .*invalid path '\.GIT\/config'/,
  });
});

test("filters, hooks and submodules of the tree do nothing at the checkout", async () => {
  await using at = await place();
  const commit = commitFiles(at.work, {
    ".gitattributes": "* filter=evil\n",
    ".gitmodules": '[submodule "x"]\n\tpath = x\n\turl = https://example.org/x\n',
    ".git-hooks/post-checkout": "#!/bin/sh\ntouch /tmp/canary\n",
  });
  await using inside = await at.sandbox();
  await at.make(inside, { commit });
  assert.equal(await sh(inside, "ls /tmp; git status --porcelain"), "");
});

test("an aborted checkout ends with the signal's reason; one in a lost sandbox with its loss", async () => {
  await using at = await place();
  commitFiles(at.work, Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`${index}.txt`, `${index}\n`])));
  const commit = git(at.work, ["rev-parse", "HEAD"]);
  await using inside = await at.sandbox();
  const abort = new AbortController();
  const reason = new Error("enough");
  await assert.rejects(at.make(inside, { commit, onProgress: () => abort.abort(reason) }, abort.signal), reason);
  await inside[Symbol.asyncDispose]();
  await assert.rejects(at.make(inside, { commit }), { name: "SandboxLost" });
});

test("50,000 files: checked out with progress in percent, seen unchanged on the layer, one change collected", async () => {
  await using at = await place();
  const lines = [`commit refs/heads/large\ncommitter Ada <ada@example.org> 0 +0000\ndata 0\n`];
  for (let index = 0; index < 50_000; index++) lines.push(`M 100644 inline d${index % 250}/f${index}\ndata <<E\n${index}\nE\n`);
  git(at.work, ["fast-import", "--quiet"], { input: lines.join("\n") });
  const commit = git(at.work, ["rev-parse", "large"]);
  const told: string[] = [];
  const first = await at.sandbox();
  await at.make(first, { commit, onProgress: (text) => told.push(text) });
  assert.ok(told.length > 2 && told.every((text) => /^(files: \d+ %|history: \d+ MB)$/.test(text)), told.join());
  const layer = await at.driver.seal(first, "tree");
  await using inside = await at.sandbox([layer]);
  await at.make(inside, { commit, layerCommit: commit });
  // Not one file is read again: then the index would have been wrong about all of them, and every collection slow.
  assert.equal(await sh(inside, "git -c core.trustctime=true diff-files | wc -l"), "0");
  assert.equal(await sh(inside, `git --git-dir=../.farhand/shop.git --work-tree=. diff-files | wc -l`), "0");
  await sh(inside, "echo more >> d7/f7");
  const found = await collectPatch(inside, { folder: FOLDER, base: commit }, { maxBytes: 1_000_000 }, never);
  assert.ok(found.kind === "patch");
  assert.deepEqual(found.stats, { files: 1, added: 1, removed: 0 });
});
