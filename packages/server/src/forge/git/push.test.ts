import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { chmod } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { bareCopy, commitFiles, git, makeRepository, testFolder } from "../../testing/git-repository.ts";
import { commitPatch } from "./commit.ts";
import { fetchMirror } from "./mirror.ts";
import { pushBranch } from "./push.ts";
import { parseRepository } from "./repository.ts";

const never = new AbortController().signal;
const BRANCH = "farhand/change-1a2b";

async function place() {
  const folder = await testFolder();
  const work = join(folder.path, "work");
  const base = makeRepository(work);
  const bare = join(folder.path, "shop.git");
  bareCopy(work, bare);
  const access = { repository: parseRepository(bare), token: null, administrator: true };
  const fetch = () => fetchMirror({ home: join(folder.path, "home"), repositoryId: "repo_1", access }, never);
  const mirror = await fetch();
  commitFiles(work, { "new.txt": "new\n" });
  const patch = Buffer.from(`${git(work, ["diff", "--binary", "--full-index", base, "HEAD"])}\n`);
  const commit = (message: string) =>
    commitPatch(mirror, { base, patch, message, author: { name: "Ada", email: "ada@example.org" }, date: new Date(1e12) }, never);
  const hook = async (name: string, script: string) => {
    writeFileSync(join(bare, "hooks", name), `#!/bin/sh\n${script}\n`);
    await chmod(join(bare, "hooks", name), 0o755);
  };
  return { folder: folder.path, base, bare, access, fetch, mirror, commit, hook, [Symbol.asyncDispose]: folder[Symbol.asyncDispose] };
}

test("a branch is made, updated from where we left it, and a repeat changes nothing", async () => {
  await using at = await place();
  await using one = await at.commit("One");
  await using two = await at.commit("Two");
  const head = () => git(at.bare, ["rev-parse", BRANCH]);
  await pushBranch(at.mirror, at.access, { branch: BRANCH, commit: one, expected: null }, never);
  assert.equal(head(), one.commit);
  await pushBranch(at.mirror, at.access, { branch: BRANCH, commit: one, expected: null }, never);
  await pushBranch(at.mirror, at.access, { branch: BRANCH, commit: two, expected: one.commit }, never);
  assert.equal(head(), two.commit);
  await pushBranch(at.mirror, at.access, { branch: BRANCH, commit: two, expected: one.commit }, never);
  assert.equal(head(), two.commit);
  git(at.bare, ["fsck", "--full", "--strict"]);
});

test("work of others on the branch is never overwritten", async () => {
  await using at = await place();
  await using one = await at.commit("One");
  await using two = await at.commit("Two");
  git(at.bare, ["update-ref", `refs/heads/${BRANCH}`, at.base]);
  for (const expected of [null, one.commit]) {
    const push = { branch: BRANCH, commit: two, expected };
    await assert.rejects(pushBranch(at.mirror, at.access, push, never), {
      name: "UserError",
      code: "conflict",
      message: /publish to a new branch/,
    });
  }
  assert.equal(git(at.bare, ["rev-parse", BRANCH]), at.base);

  git(at.bare, ["update-ref", "-d", `refs/heads/${BRANCH}`]);
  const gone = { branch: BRANCH, commit: two, expected: one.commit };
  await assert.rejects(pushBranch(at.mirror, at.access, gone, never), { code: "conflict", message: /is gone now/ });
  git(at.bare, ["update-ref", "refs/heads/farhand", at.base]);
  await assert.rejects(pushBranch(at.mirror, at.access, { branch: BRANCH, commit: two, expected: null }, never), /farhand/);
});

test("a refusal of the remote comes with its words, cleaned", async () => {
  await using at = await place();
  await using commit = await at.commit("One");
  const push = { branch: BRANCH, commit, expected: null };
  await at.hook("pre-receive", "printf 'Only \\033[31mreviewed\\033[0m work\\007 here\\n' >&2; exit 1");
  await assert.rejects(pushBranch(at.mirror, at.access, push, never), {
    name: "UserError",
    code: "forbidden",
    message: `${at.bare} refused the branch ${BRANCH}: Only reviewed work here`,
  });
  await at.hook("pre-receive", "exit 0");
  await at.hook("update", 'echo "$1 is protected" >&2; exit 1');
  await assert.rejects(pushBranch(at.mirror, at.access, push, never), { code: "forbidden", message: /is protected/ });
});

test("the repository's own hooks run, none of ours", async () => {
  await using at = await place();
  const canary = join(at.folder, "canary");
  git("/", ["init", "--quiet", "--bare", at.mirror.path]); // brings the folder of hooks, which a mirror has not
  for (const name of ["pre-push", "reference-transaction", "post-index-change"]) {
    writeFileSync(join(at.mirror.path, "hooks", name), `#!/bin/sh\ntouch ${canary}\n`, { mode: 0o755 });
  }
  await at.hook("post-receive", `touch ${join(at.folder, "received")}`);
  git(at.bare, ["branch", "another"]);
  await at.fetch();
  await using commit = await at.commit("One");
  await pushBranch(at.mirror, at.access, { branch: BRANCH, commit, expected: null }, never);
  assert.ok(existsSync(join(at.folder, "received")));
  assert.ok(!existsSync(canary));
  git(at.mirror.path, ["update-ref", "refs/heads/control", at.base]);
  assert.ok(existsSync(canary), "the hooks do act where they are not turned off");
});

test("a push whose answer is lost counts as done if the branch is at our commit", async () => {
  await using at = await place();
  await using commit = await at.commit("One");
  await at.hook("post-receive", "kill -KILL $PPID");
  await pushBranch(at.mirror, at.access, { branch: BRANCH, commit, expected: null }, never);
  assert.equal(git(at.bare, ["rev-parse", BRANCH]), commit.commit);
  await at.hook("pre-receive", "kill -KILL $PPID");
  await using other = await at.commit("Two");
  await assert.rejects(pushBranch(at.mirror, at.access, { branch: BRANCH, commit: other, expected: commit.commit }, never));
});

test("a branch that is checked out in the repository is not pushed to", async () => {
  await using folder = await testFolder();
  const path = join(folder.path, "shop");
  const base = makeRepository(path);
  const access = { repository: parseRepository(path), token: null, administrator: true };
  const mirror = await fetchMirror({ home: join(folder.path, "home"), repositoryId: "repo_1", access }, never);
  const author = { name: "Ada", email: "ada@example.org" };
  await using commit = await commitPatch(mirror, { base, patch: new Uint8Array(), message: "x", author, date: new Date(0) }, never);
  await assert.rejects(pushBranch(mirror, access, { branch: "main", commit, expected: base }, never), {
    code: "conflict",
    message: /checked out/,
  });
  await pushBranch(mirror, access, { branch: BRANCH, commit, expected: null }, never);
  assert.equal(git(path, ["rev-parse", BRANCH]), commit.commit);
});
