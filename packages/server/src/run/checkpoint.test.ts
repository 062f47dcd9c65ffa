import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import pino from "pino";
import { fetchMirror } from "../forge/git/mirror.ts";
import { parseRepository } from "../forge/git/repository.ts";
import { TEST_LIMITS, testDriver } from "../sandbox/testing.ts";
import { insertCheckpoint } from "../store/checkpoints.ts";
import { sql } from "../store/db.ts";
import { git, makeRepository, testFolder } from "../testing/git-repository.ts";
import { testStore } from "../testing/store.ts";
import { makeTree } from "./checkout.ts";
import { CheckpointBroken, openCheckpoints } from "./checkpoint.ts";
import { collectPatch } from "./collect.ts";
import { runInSandbox } from "./sandbox-git.ts";

const never = new AbortController().signal;
const MiB = 1024 * 1024;
const FILES = {
  "README.md": "hello\n",
  ".gitignore": "*.log\n",
  "src/one.ts": "one\n",
  "src/two.ts": "two\n",
  "big/x": "x\n".repeat(1000),
};

/** A repository, a store, and as many sandboxes at its commit as are asked for, each with checkpoints of its own. */
async function place(maxBytes = 50 * MiB, keepBytes = 1000 * MiB) {
  const resources = new AsyncDisposableStack();
  const folder = resources.use(await testFolder());
  const drivers = resources.use(await testDriver());
  const store = resources.use(await testStore());
  const taskId = await store.give();
  const work = join(folder.path, "work");
  const base = makeRepository(work, FILES);
  const home = join(folder.path, "home");
  const access = { repository: parseRepository(work), token: null, administrator: true };
  const mirror = await fetchMirror({ home, repositoryId: "repo_1", access }, never);

  async function machine(at = base) {
    const sandbox = resources.use(await drivers.create({ limits: TEST_LIMITS }));
    const tree = await makeTree(sandbox, mirror, { commit: at, folder: "/workspace/shop", layerCommit: null }, never);
    const log = pino({ level: "silent" });
    const checkpoints = resources.use(
      await openCheckpoints({ db: store.db, home, taskId, mirror, sandbox, tree, base: at, maxBytes, keepBytes, log }),
    );
    const sh = async (script: string) =>
      (await runInSandbox(sandbox, { argv: ["bash", "-ec", script], cwd: tree.path }, never)).toString().trimEnd();
    const saved = async () => {
      const checkpoint = await checkpoints.save(never);
      assert.ok("tree" in checkpoint, JSON.stringify(checkpoint));
      return checkpoint;
    };
    const patch = async () => {
      const collected = await collectPatch(sandbox, { folder: tree.path, base: at }, { maxBytes: 10 * MiB }, never);
      assert.ok(collected.kind === "patch");
      return Buffer.from(collected.patch).toString();
    };
    /** Files and links with their modes and contents, without Git directories. */
    const files = () =>
      sh(
        `find . -path ./.git -prune -o \\( -type f -o -type l \\) -printf '%m %y %p %l\\n' | sort; find . -path ./.git -prune -o -type f -exec sha1sum {} + | sort`,
      );
    return { sandbox, checkpoints, sh, saved, patch, files };
  }
  return { store, work, home, taskId, machine, [Symbol.asyncDispose]: () => resources.disposeAsync() };
}

const CHANGES = `
  echo changed >> README.md; chmod +x src/one.ts; rm src/two.ts; ln -s /etc/passwd link; mkdir new; printf 'a\\0b' > new/binary
  echo forced > forced.log; git add --force forced.log; git commit --quiet --all --message "The agent's own"; echo more > $'odd \\n name'`;

test("what one sandbox saved, another has after restoring: the same files, the same patch, and the agent's git knows them", async () => {
  await using at = await place();
  const one = await at.machine();
  await one.sh(CHANGES);
  const saved = await one.saved();
  const two = await at.machine();
  await two.sh("echo leftover > src/two.ts");
  await two.checkpoints.restore(saved, never);
  assert.equal(await two.files(), await one.files());
  assert.equal(await two.patch(), await one.patch());
  assert.equal(await two.sh("git diff --name-only; git ls-files --others"), "", "all of it is in the index");
  await two.sh("git diff --cached --stat HEAD; git commit --quiet --message x; git fsck --no-dangling");
});

test("a checkpoint holds only what is new, and one of an unchanged tree nothing", async () => {
  await using at = await place();
  const { sh, saved, checkpoints } = await at.machine();
  assert.ok(await checkpoints.isUnchanged(), "nothing has run that could have changed it");
  assert.deepEqual((await saved()).packs, []);
  assert.ok(await checkpoints.isUnchanged());
  await sh("head -c 300000 /dev/urandom > random");
  const first = await saved();
  assert.equal(await checkpoints.isUnchanged(), false);
  assert.equal(first.packs.length, 1);
  assert.equal(await saved(), first);
  await sh("echo small > small");
  const second = await saved();
  assert.deepEqual([second.packs.length, second.packs[0]], [2, first.packs[0]]);
  const sizes = await at.store.db.query<{ bytes: number }>(sql`select bytes from blob where kind = 'checkpoint' order by created_at`);
  assert.deepEqual([sizes.length, sizes[0] && sizes[0].bytes > 300_000, sizes[1] && sizes[1].bytes < 2000], [2, true, true]);
  await sh("rm random small");
  assert.equal((await saved()).tree, git(at.work, ["rev-parse", "HEAD^{tree}"]), "and back to the beginning");
});

test("many steps need few packs, and the last of them is enough", async () => {
  await using at = await place();
  const one = await at.machine();
  let most = 0;
  for (let step = 1; step <= 40; step++) {
    await one.sh(`echo ${step} >> README.md; echo ${step} > file-${step}`);
    most = Math.max(most, (await one.saved()).packs.length);
  }
  assert.equal(most, 32);
  const two = await at.machine();
  await two.checkpoints.restore(await one.saved(), never);
  assert.equal(await two.files(), await one.files());
  await two.sh("echo after > after");
  const three = await at.machine();
  await three.checkpoints.restore(await two.saved(), never);
  assert.equal(await three.files(), await two.files());
});

test("what the checkpoints of a task take stays within bounds, and the last is always whole", async () => {
  const keepBytes = 2 * MiB;
  await using at = await place(50 * MiB, keepBytes);
  const one = await at.machine();
  const [attempt] = await at.store.db.query<{ id: string }>(sql`select id from attempt where task_id = ${at.taskId}`);
  const owner = { taskId: at.taskId, attemptId: attempt?.id ?? "" };
  const taken: number[] = [];
  for (let step = 1; step <= 12; step++) {
    await one.sh("head -c 400000 /dev/urandom > random");
    await insertCheckpoint(at.store.db, owner, await one.saved());
    const [all] = await at.store.db.query<{ bytes: number }>(sql`select sum(bytes)::bigint as bytes from blob where kind = 'checkpoint'`);
    taken.push(all?.bytes ?? 0);
  }
  assert.ok(Math.max(...taken) <= keepBytes + 450_000, taken.join());
  const kept = await at.store.db.query<{ number: number; packs: string[] }>(
    sql`select number, packs from checkpoint where tree is not null order by number`,
  );
  assert.deepEqual([(kept[0]?.number ?? 0) > 1, kept.at(-1)?.number], [true, 12], "the oldest have gone");
  const two = await at.machine();
  await two.checkpoints.restore(await one.saved(), never);
  assert.equal(await two.files(), await one.files());
  const dangling = await at.store.db.query(sql`
    select pack from checkpoint c cross join unnest(c.packs) as pack where not exists (select from blob b where b.id = pack)`);
  assert.deepEqual(dangling, []);
});

test("the checkpoint after collecting is the tree of the patch", async () => {
  await using at = await place();
  const one = await at.machine();
  await one.sh(CHANGES);
  const patch = await one.patch();
  await one.sh("echo later > README.md");
  const saved = await one.checkpoints.saveCollected(never);
  assert.ok("tree" in saved);
  const two = await at.machine();
  await two.checkpoints.restore(saved, never);
  assert.equal(await two.patch(), patch);
});

test("what cannot be saved is said, and work goes on; when it can be again, it is", async () => {
  await using at = await place(100_000);
  const { sh, checkpoints, saved } = await at.machine();
  await sh("head -c 300000 /dev/urandom > random");
  assert.match(JSON.stringify(await checkpoints.save(never)), /"lost":".*exceeds maximum allowed size/);
  assert.equal(await checkpoints.isUnchanged(), false, "what could not be saved is not known");
  await sh("rm random; echo small > small");
  assert.equal((await saved()).packs.length, 1);
  await sh("mv ../.farhand ../away");
  assert.match(JSON.stringify(await checkpoints.save(never)), /"lost":".*\.farhand/);
});

test("a checkpoint whose bytes are gone or damaged, or that belongs to another task, is not restored", async () => {
  await using at = await place();
  const one = await at.machine();
  await one.sh("echo first > one");
  const first = await one.saved();
  await one.sh("echo two > two");
  const second = await one.saved();
  const other = { ...second, packs: second.packs.slice(1) };
  await assert.rejects((await at.machine()).checkpoints.restore(other, never), CheckpointBroken, "it leans on a pack that is missing");
  await assert.rejects((await at.machine()).checkpoints.restore({ ...first, tree: second.tree }, never), CheckpointBroken);
  await at.store.db.query(sql`update blob_chunk set bytes = overlay(bytes placing 'x'::bytea from 30) where blob_id = ${first.packs[0]}`);
  await assert.rejects((await at.machine()).checkpoints.restore(first, never), CheckpointBroken);
  await at.store.db.query(sql`delete from blob where id = ${first.packs[0]}`);
  await assert.rejects((await at.machine()).checkpoints.restore(second, never), CheckpointBroken);
});

test("an abort ends a save, and nothing stays on the host", async () => {
  await using at = await place();
  const { sh, checkpoints } = await at.machine();
  await sh("echo one > one");
  await assert.rejects(checkpoints.save(AbortSignal.abort(new Error("stopped"))), /stopped/);
  await checkpoints[Symbol.asyncDispose]();
  assert.deepEqual(await readdir(join(at.home, "checkpoints")), []);
});
