import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { farhand } from "../testing/farhand.ts";
import { startService, TOKEN } from "../testing/service.ts";

const GIT_ENV = {
  PATH: process.env.PATH ?? "",
  HOME: "/nonexistent",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_AUTHOR_NAME: "Ada",
  GIT_AUTHOR_EMAIL: "ada@example.org",
  GIT_COMMITTER_NAME: "Ada",
  GIT_COMMITTER_EMAIL: "ada@example.org",
};

function git(cwd: string, ...args: string[]): Buffer {
  return execFileSync("git", args, { cwd, env: GIT_ENV, stdio: ["ignore", "pipe", "pipe"], maxBuffer: 64 * 1024 * 1024 });
}

const TEXT = Array.from({ length: 20 }, (_, n) => `line ${n + 1}`).join("\n");

/** A clone with one commit, and a task whose patch `work` makes in a copy of it. */
async function scene(work: (copy: string) => Promise<void>, options: { objectFormat?: string } = {}) {
  const folder = await mkdtemp(join(tmpdir(), "farhand-apply-test-"));
  const clone = join(folder, "shop");
  git(folder, "init", "-q", "-b", "main", ...(options.objectFormat ? [`--object-format=${options.objectFormat}`] : []), "shop");
  await writeFile(join(clone, "a.txt"), `${TEXT}\n`);
  await writeFile(join(clone, "gone.txt"), "gone\n");
  git(clone, "add", "-A");
  git(clone, "commit", "-qm", "first");
  const base = git(clone, "rev-parse", "HEAD").toString().trim();
  git(folder, "clone", "-q", "shop", "copy");
  const copy = join(folder, "copy");
  await work(copy);
  git(copy, "add", "-A", "-f");
  const patch = git(copy, "diff", "--cached", "--binary", "--full-index", base);
  const service = await startService();
  const { id } = service.addTask({ baseCommit: base });
  service.settle(id, { state: "succeeded", stats: { files: 1, added: 1, removed: 1 } });
  service.patches.set(id, patch);
  return {
    folder,
    clone,
    id,
    service,
    apply: (args: string[] = [], cwd = clone) =>
      farhand(["apply", id, ...args], { cwd, env: { FARHAND_URL: service.url, FARHAND_TOKEN: TOKEN, ...GIT_ENV } }),
    git: (...args: string[]) => git(clone, ...args).toString(),
    async [Symbol.asyncDispose]() {
      await service[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

const changeLine5 = (copy: string) => writeFile(join(copy, "a.txt"), `${TEXT.replace("line 5", "LINE 5")}\n`);

test("a change that fits is applied and staged, every kind of it", async () => {
  await using here = await scene(async (copy) => {
    await changeLine5(copy);
    await rm(join(copy, "gone.txt"));
    await mkdir(join(copy, "sub"));
    await writeFile(join(copy, "sub", "binary"), Buffer.from(Array.from({ length: 300 }, (_, n) => n % 256)));
    await writeFile(join(copy, "name with ümlaut\ttab"), "no newline at the end");
    await writeFile(join(copy, "run"), "#!/bin/sh\n");
    await chmod(join(copy, "run"), 0o755);
    await symlink("a.txt", join(copy, "link"));
  });
  const ended = await here.apply();
  assert.equal(ended.stdout, `Applied task ${here.id} locally (6 files)\n`);
  assert.equal(ended.code, 0);
  assert.equal(
    here.git("status", "--porcelain=v1", "-z").replaceAll("\0", "\n"),
    "M  a.txt\nD  gone.txt\nA  link\nA  name with ümlaut\ttab\nA  run\nA  sub/binary\n",
  );
  assert.equal((await readFile(join(here.clone, "sub", "binary"))).length, 300);
  assert.equal((await stat(join(here.clone, "run"))).mode & 0o111, 0o111);
  assert.equal(await readlink(join(here.clone, "link")), "a.txt");
});

test("the result is the tree that the task made, to the last bit", async () => {
  await using here = await scene(async (copy) => {
    git(copy, "mv", "gone.txt", "moved.txt");
    await rm(join(copy, "a.txt"));
    await mkdir(join(copy, "a.txt")); // a folder where a file was
    await writeFile(join(copy, "a.txt", "empty"), "");
    await writeFile(join(copy, ".gitignore"), "*.log\n");
    await writeFile(join(copy, "tracked.log"), "tracked though ignored\r\n");
    await writeFile(Buffer.concat([Buffer.from(`${copy}/not UTF-8 `), Buffer.from([0xff, 0xfe])]), "x\n");
    await writeFile(join(copy, "-rf"), "an option?\n");
    await writeFile(join(copy, "large"), Buffer.alloc(3_000_000, "0123456789abcdef\n"));
  });
  const ended = await here.apply();
  assert.equal(ended.stdout, `Applied task ${here.id} locally (9 files)\n`);
  assert.equal(here.git("write-tree"), git(join(here.folder, "copy"), "write-tree").toString());
  assert.equal(here.git("status", "--porcelain").match(/^.[^ ]/m), null, "the files are as the index says");
});

test("a change beside local commits is merged", async () => {
  await using here = await scene(changeLine5);
  await writeFile(join(here.clone, "a.txt"), `new first line\n${TEXT}\n`);
  here.git("commit", "-qam", "mine");
  assert.equal((await here.apply([], here.clone)).code, 0);
  assert.match(await readFile(join(here.clone, "a.txt"), "utf8"), /^new first line\n[\s\S]*LINE 5\n/);
  assert.equal(here.git("status", "--porcelain"), "M  a.txt\n");
});

test("a conflict leaves markers, the rest is applied, and the exit code is 1", async () => {
  await using here = await scene(async (copy) => {
    await changeLine5(copy);
    await writeFile(join(copy, "new.txt"), "new\n");
  });
  await writeFile(join(here.clone, "a.txt"), `${TEXT.replace("line 5", "mine 5")}\n`);
  here.git("commit", "-qam", "mine");
  const check = await here.apply(["--check"]);
  assert.equal(check.stdout, `Task ${here.id} would apply with conflicts (applied=1, skipped=0, conflicts=1)\n  conflict: a.txt\n`);
  assert.equal(check.code, 1);
  assert.equal(here.git("status", "--porcelain"), "", "--check changes nothing");
  const ended = await here.apply();
  assert.equal(ended.stdout, `Apply partially succeeded for task ${here.id} (applied=1, skipped=0, conflicts=1)\n  conflict: a.txt\n`);
  assert.equal(ended.code, 1);
  assert.match(await readFile(join(here.clone, "a.txt"), "utf8"), /<<<<<<< ours\nmine 5\n=======\nLINE 5\n>>>>>>> theirs/);
  assert.equal(here.git("status", "--porcelain"), "UU a.txt\nA  new.txt\n");
  const again = await here.apply();
  assert.match(
    again.stdout,
    /^Apply failed for task .* \(applied=0, skipped=2, conflicts=0\)\n {2}a\.txt has a conflict already: resolve what is open first\n/,
  );
});

test("a file with local changes is left alone, and so is all the rest", async () => {
  await using here = await scene(async (copy) => {
    await changeLine5(copy);
    await writeFile(join(copy, "new.txt"), "new\n");
  });
  await writeFile(join(here.clone, "a.txt"), "mine, not committed\n");
  for (const args of [["--check"], []]) {
    const ended = await here.apply(args);
    assert.equal(ended.code, 1);
    assert.match(
      ended.stdout,
      /\(applied=0, skipped=2, conflicts=0\)\n {2}a\.txt has changes that are not committed: commit or stash them\n$/,
    );
  }
  assert.equal(await readFile(join(here.clone, "a.txt"), "utf8"), "mine, not committed\n");
  assert.equal(here.git("status", "--porcelain"), " M a.txt\n");
});

test("a new file that is here already, untracked, is left alone", async () => {
  await using here = await scene((copy) => writeFile(join(copy, "new.txt"), "theirs\n"));
  await writeFile(join(here.clone, "new.txt"), "mine\n");
  const ended = await here.apply();
  assert.equal(ended.code, 1);
  assert.match(ended.stdout, /new\.txt exists here already/);
  assert.equal(await readFile(join(here.clone, "new.txt"), "utf8"), "mine\n");
});

test("a file that was removed here, or is outside the sparse checkout, is not brought back", async () => {
  await using here = await scene(changeLine5);
  await rm(join(here.clone, "a.txt"));
  for (const args of [["--check"], []]) {
    const ended = await here.apply(args);
    assert.equal(ended.code, 1);
    assert.match(ended.stdout, /\(applied=0, skipped=1, conflicts=0\)\n {2}a\.txt is not on your disk: restore it/);
    assert.equal(here.git("status", "--porcelain"), " D a.txt\n");
  }
  here.git("checkout", "-q", "a.txt");
  await mkdir(join(here.clone, "sub"));
  await writeFile(join(here.clone, "sub", "b.txt"), "b\n");
  here.git("add", "-A");
  here.git("commit", "-qm", "mine");
  here.git("sparse-checkout", "set", "--no-cone", "sub");
  assert.match((await here.apply()).stdout, /a\.txt is not on your disk: .*widen your sparse checkout/);
  await assert.rejects(stat(join(here.clone, "a.txt")), { code: "ENOENT" });
});

test("another repository, and no repository, are named as such", async () => {
  await using here = await scene(changeLine5);
  const other = join(here.folder, "other");
  git(here.folder, "init", "-q", other);
  const wrong = await here.apply([], other);
  assert.deepEqual([wrong.code, wrong.stdout], [1, ""]);
  assert.match(
    wrong.stderr,
    /^farhand: other does not have commit [0-9a-f]{12}, which task \S+ stands on\.\n.*environment shop, fetch and try again/,
  );
  const none = await here.apply([], here.folder);
  assert.equal(none.code, 1);
  assert.match(none.stderr, /is in no git repository with files: go into a clone/);
});

test("it works from a folder within, in a linked worktree, with SHA-256, and twice", async () => {
  await using here = await scene(changeLine5, { objectFormat: "sha256" });
  here.git("worktree", "add", "-q", "../tree");
  await mkdir(join(here.folder, "tree", "deep"));
  const ended = await here.apply([], join(here.folder, "tree", "deep"));
  assert.equal(ended.stdout, `Applied task ${here.id} locally (1 files)\n`);
  assert.equal(git(join(here.folder, "tree"), "status", "--porcelain").toString(), "M  a.txt\n");
  assert.equal(here.git("status", "--porcelain"), "", "the other worktree is untouched");
  assert.equal((await here.apply([], join(here.folder, "tree"))).code, 0, "what is there already merges to nothing new");
});

test("--check says what would happen and changes nothing", async () => {
  await using here = await scene(changeLine5);
  const ended = await here.apply(["--check"]);
  assert.deepEqual([ended.code, ended.stdout], [0, `Task ${here.id} would apply cleanly (1 files)\n`]);
  assert.equal(here.git("status", "--porcelain"), "");
  const before = here.git("count-objects");
  await here.apply(["--check"]);
  assert.equal(here.git("count-objects"), before, "not even an object is left");
});

test("what this machine could run later is named before", async () => {
  await using here = await scene(async (copy) => {
    await writeFile(join(copy, "package.json"), '{"scripts":{"postinstall":"evil"}}');
    await mkdir(join(copy, ".vscode"));
    await writeFile(join(copy, ".vscode", "tasks.json"), "{}");
    await writeFile(join(copy, "Makefile"), "all:\n");
    await writeFile(join(copy, "tool\x1b[2J"), "#!/bin/sh\n");
    await chmod(join(copy, "tool\x1b[2J"), 0o755);
    await symlink("../../etc/passwd", join(copy, "out"));
    await symlink("a.txt", join(copy, "in"));
  });
  const ended = await here.apply(["--check"]);
  assert.equal(ended.code, 0);
  assert.equal(
    ended.stderr,
    `This change could make this machine run something later (5 places); read it first:
  .vscode/tasks.json is obeyed by an editor
  Makefile is run by a build tool
  out is a link out of the repository, to ../../etc/passwd
  package.json changes scripts, which npm runs or installs
  tool^[[2J is a new program
`,
  );
  const json = JSON.parse((await here.apply(["--check", "--json"])).stdout);
  assert.deepEqual(
    json.risks.map((risk: { path: string }) => risk.path),
    [".vscode/tasks.json", "Makefile", "out", "package.json", "tool\x1b[2J"],
  );
});

test("no hook, filter, merge driver or monitor runs, whatever the change and the clone's settings say", async () => {
  await using here = await scene(async (copy) => {
    await changeLine5(copy);
    await mkdir(join(copy, ".husky"));
    await writeFile(join(copy, ".husky", "post-index-change"), '#!/bin/sh\ntouch "$(git rev-parse --show-toplevel)/../ran/hook"\n');
    await chmod(join(copy, ".husky", "post-index-change"), 0o755);
  });
  const traps = join(here.folder, "ran");
  const sprung = async () => (await readdir(traps)).sort();
  await mkdir(traps);
  await writeFile(join(here.clone, ".gitattributes"), "* filter=evil merge=evil\n");
  await writeFile(join(here.clone, "a.txt"), `mine\n${TEXT}\n`);
  here.git("add", "-A");
  here.git("commit", "-qm", "mine"); // so that a merge is needed
  for (const [name, value] of [
    ["core.hooksPath", ".husky"],
    ["core.fsmonitor", `touch ${traps}/monitor; false`],
    ["filter.evil.smudge", `touch ${traps}/smudge; cat`],
    ["filter.evil.clean", `touch ${traps}/clean; cat`],
    ["merge.evil.driver", `touch ${traps}/merge; false`],
  ] as const) {
    here.git("config", name, value);
  }
  // As old as that, an index says of no file that it is unchanged, and git reads each again by its filter.
  const ageIndex = () => utimes(join(here.clone, ".git", "index"), 1, 1);
  await ageIndex();
  const ended = await here.apply();
  assert.equal(ended.stdout, `Applied task ${here.id} locally (2 files)\n`);
  assert.deepEqual(await sprung(), []);

  here.git("reset", "-q", "--hard");
  await ageIndex();
  await rm(traps, { recursive: true });
  await mkdir(traps);
  await writeFile(join(here.folder, "patch"), here.service.patches.get(here.id) ?? "");
  spawnSync("git", ["apply", "--3way", "../patch"], { cwd: here.clone, env: GIT_ENV });
  assert.deepEqual(await sprung(), ["clean", "hook", "merge", "monitor", "smudge"], "an ordinary git walks into every trap");
});

const HOSTILE: [name: string, patch: string][] = [
  [
    "up and out",
    "diff --git a/../evil b/../evil\nnew file mode 100644\nindex 0000000..4b48dee\n--- /dev/null\n+++ b/../evil\n@@ -0,0 +1 @@\n+evil\n",
  ],
  [
    "into .git",
    "diff --git a/.git/hooks/x b/.git/hooks/x\nnew file mode 100755\nindex 0000000..4b48dee\n--- /dev/null\n+++ b/.git/hooks/x\n@@ -0,0 +1 @@\n+evil\n",
  ],
  [
    "into .GIT",
    "diff --git a/.GIT/hooks/x b/.GIT/hooks/x\nnew file mode 100755\nindex 0000000..4b48dee\n--- /dev/null\n+++ b/.GIT/hooks/x\n@@ -0,0 +1 @@\n+evil\n",
  ],
  [
    "into git~1",
    "diff --git a/git~1/x b/git~1/x\nnew file mode 100755\nindex 0000000..4b48dee\n--- /dev/null\n+++ b/git~1/x\n@@ -0,0 +1 @@\n+evil\n",
  ],
  [
    "an absolute path",
    "diff --git a//tmp/farhand-evil b//tmp/farhand-evil\nnew file mode 100644\nindex 0000000..4b48dee\n--- /dev/null\n+++ b//tmp/farhand-evil\n@@ -0,0 +1 @@\n+evil\n",
  ],
  [
    "through a link of its own",
    "diff --git a/l b/l\nnew file mode 120000\nindex 0000000..1111111\n--- /dev/null\n+++ b/l\n@@ -0,0 +1 @@\n+..\n\\ No newline at end of file\n" +
      "diff --git a/l/evil b/l/evil\nnew file mode 100644\nindex 0000000..4b48dee\n--- /dev/null\n+++ b/l/evil\n@@ -0,0 +1 @@\n+evil\n",
  ],
  [
    "a link into .git",
    "diff --git a/l b/l\nnew file mode 120000\nindex 0000000..1111111\n--- /dev/null\n+++ b/l\n@@ -0,0 +1 @@\n+sub/../.git/hooks\n\\ No newline at end of file\n",
  ],
  ["no patch at all", "*** Begin Patch\n*** Update File: a.txt\n"],
  [
    "what its base does not have",
    "diff --git a/a.txt b/a.txt\nindex 1111111..2222222 100644\n--- a/a.txt\n+++ b/a.txt\n@@ -1 +1 @@\n-not there\n+evil\n",
  ],
];

test("a change that would leave the repository or reach git's own files is refused whole", async (t) => {
  await using here = await scene(changeLine5);
  for (const [name, patch] of HOSTILE) {
    await t.test(name, async () => {
      here.service.patches.set(here.id, Buffer.from(patch));
      const ended = await here.apply();
      assert.equal(ended.code, 1);
      assert.match(ended.stderr, /nothing was applied/);
      assert.equal(here.git("status", "--porcelain"), "");
      await assert.rejects(stat(join(here.folder, "evil")), { code: "ENOENT" });
      await assert.rejects(stat(join(here.clone, ".git", "hooks", "x")), { code: "ENOENT" });
      await assert.rejects(stat("/tmp/farhand-evil"), { code: "ENOENT" });
    });
  }
});

test("a folder that is a link here is not written through", async () => {
  await using here = await scene(async (copy) => {
    await mkdir(join(copy, "build"));
    await writeFile(join(copy, "build", "evil"), "evil\n");
  });
  await symlink(here.folder, join(here.clone, "build"));
  const ended = await here.apply();
  assert.equal(ended.code, 1);
  assert.match(ended.stderr, /refused and nothing was applied: build is a link here/);
  await assert.rejects(stat(join(here.folder, "evil")), { code: "ENOENT" });
});

test("a locked index is named, with the way out", async () => {
  await using here = await scene(changeLine5);
  await writeFile(join(here.clone, ".git", "index.lock"), "");
  const ended = await here.apply();
  assert.equal(ended.code, 1);
  assert.match(ended.stdout, /index\.lock exists: another git is at work here, or one was killed \(then remove the file\)/);
});
