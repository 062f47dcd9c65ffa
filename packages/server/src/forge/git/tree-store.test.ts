import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { git, makeBlob, makeRepository, makeTreeObject, testFolder } from "../../testing/git-repository.ts";
import { gitText, streamGit } from "./host-git.ts";
import { fetchMirror } from "./mirror.ts";
import { parseRepository } from "./repository.ts";
import { openTreeStore } from "./tree-store.ts";

const never = new AbortController().signal;

/** A mirror, a store in front of it, and a repository of the same commit that has more objects. */
async function place() {
  const resources = new AsyncDisposableStack();
  const folder = resources.use(await testFolder());
  const work = join(folder.path, "work");
  const base = makeRepository(work);
  const home = join(folder.path, "home");
  const access = { repository: parseRepository(work), token: null, administrator: true };
  const mirror = await fetchMirror({ home, repositoryId: "repo_1", access }, never);
  const store = resources.use(await openTreeStore(home, mirror));
  const pack = (...ids: string[]) =>
    streamGit(
      {
        gitDir: join(work, ".git"),
        args: ["pack-objects", "--quiet", "--stdout"],
        stdin: Buffer.from(ids.map((id) => `${id}\n`).join("")),
      },
      never,
    );
  return { work, base, home, mirror, store, pack, [Symbol.asyncDispose]: () => resources.disposeAsync() };
}

test("a tree goes in and out, and the mirror never has it", async () => {
  await using at = await place();
  const blob = makeBlob(at.work, "new\n");
  const old = git(at.work, ["rev-parse", "HEAD:README.md"]);
  const tree = makeTreeObject(at.work, [
    { mode: "100644", name: "README.md", id: old },
    { mode: "100644", name: "new", id: blob },
  ]);
  assert.equal(await at.store.has(tree, never), false);
  assert.match((await at.store.add(at.pack(tree, blob), 10_000, never)) ?? "", /\.pack$/);
  assert.equal(await at.store.has(tree, never), true);
  await assert.rejects(gitText({ gitDir: at.mirror.path, args: ["cat-file", "-t", tree] }, never));
  let bytes = 0;
  for await (const chunk of at.store.packOf(tree, at.base, never)) bytes += chunk.length;
  assert.ok(bytes > 0);
  await at.store[Symbol.asyncDispose]();
  assert.deepEqual(await readdir(join(at.home, "checkpoints")), []);
});

test("no pack at all is nothing; one that is too large, broken, incomplete or hostile is refused, and the mirror is not blamed", async () => {
  await using at = await place();
  async function* nothing() {}
  assert.equal(await at.store.add(nothing(), 10_000, never), null);
  async function* rubbish() {
    yield Buffer.from("this is no pack");
  }
  const blob = makeBlob(at.work, "new\n");
  const complete = makeTreeObject(at.work, [{ mode: "100644", name: "new", id: blob }]);
  const evil = makeTreeObject(at.work, [{ mode: "100644", name: ".git", id: blob }]);
  await assert.rejects(at.store.add(rubbish(), 10_000, never));
  await assert.rejects(at.store.add(at.pack(complete), 10_000, never), /index-pack/, "its blob is missing");
  await assert.rejects(at.store.add(at.pack(complete, blob), 20, never), /index-pack/);
  await assert.rejects(at.store.add(at.pack(evil, blob), 10_000, never), /index-pack/);
  assert.equal(await at.store.has(complete, never), false);
  assert.ok(!(await readdir(at.mirror.path)).includes("farhand-damaged"));
});
