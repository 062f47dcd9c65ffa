import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import type { Limits } from "@farhand/protocol";
import { commitPatch } from "../forge/git/commit.ts";
import { fetchMirror } from "../forge/git/mirror.ts";
import { pushBranch } from "../forge/git/push.ts";
import { parseRepository } from "../forge/git/repository.ts";
import type { Sandbox } from "../sandbox/sandbox.ts";
import { TEST_LIMITS, type TestDriver, testDriver } from "../sandbox/testing.ts";
import { bareCopy, git, makeRepository, testFolder } from "../testing/git-repository.ts";
import { makeTree } from "./checkout.ts";
import { type Collected, collectPatch, readStats } from "./collect.ts";
import { runInSandbox } from "./sandbox-git.ts";

const never = new AbortController().signal;
const MiB = 1024 * 1024;

const FILES = {
  "README.md": "hello\n",
  ".gitignore": "*.log\nbuild/\n.env\n",
  "keep.log": "tracked though ignored\n",
  "bin/run": "#!/bin/sh\necho run\n",
  "src/one.ts": Array.from({ length: 40 }, (_, line) => `line ${line}\n`).join(""),
  "src/two.ts": "two\n",
  "image.png": Buffer.from(Array.from({ length: 5000 }, (_, index) => (index * 7919) % 256)),
  "dos.txt": "one\r\ntwo\r\n",
  "no-end.txt": "no newline at the end",
  "empty.txt": "",
  "dir/file.txt": "in a folder\n",
  swap: "to become a folder\n",
};

/** A checked-out repository in a sandbox, and the way back. */
async function place(files: Record<string, string | Uint8Array> = FILES, limits: Partial<Limits> = {}) {
  const resources = new AsyncDisposableStack();
  const folder = resources.use(await testFolder());
  const drivers: TestDriver = resources.use(await testDriver());
  const work = join(folder.path, "work");
  makeRepository(work, files);
  git(work, ["add", "--all", "--force"]); // also what .gitignore names
  git(work, ["commit", "--quiet", "--amend", "--no-edit"]);
  const base = git(work, ["rev-parse", "HEAD"]);
  const bare = join(folder.path, "shop.git");
  bareCopy(work, bare);
  const access = { repository: parseRepository(bare), token: null, administrator: true };
  const mirror = await fetchMirror({ home: join(folder.path, "home"), repositoryId: "repo_1", access }, never);
  const sandbox: Sandbox = resources.use(await drivers.create({ limits: { ...TEST_LIMITS, ...limits } }));
  const tree = await makeTree(sandbox, mirror, { commit: base, folder: "/workspace/shop", layerCommit: null }, never);
  const sh = async (script: string) =>
    (await runInSandbox(sandbox, { argv: ["bash", "-ec", script], cwd: tree.path }, never)).toString().trimEnd();
  const collect = (maxBytes = 10 * MiB) => collectPatch(sandbox, { folder: tree.path, base }, { maxBytes }, never);
  const author = { name: "Ada", email: "ada@example.org" };
  /** Collect, commit, push; then the tree of the pushed branch. */
  const bringBack = async (): Promise<{ collected: Collected & { kind: "patch" }; tree: string }> => {
    const collected = await collect();
    assert.ok(collected.kind === "patch");
    const draft = { base, patch: collected.patch, message: "Change", author, date: new Date(1e12) };
    await using commit = await commitPatch(mirror, draft, never);
    await pushBranch(mirror, access, { branch: "farhand/x", commit, expected: null }, never);
    return { collected, tree: git(bare, ["rev-parse", "farhand/x^{tree}"]) };
  };
  return { base, bare, sandbox, sh, collect, bringBack, [Symbol.asyncDispose]: () => resources.disposeAsync() };
}

test("every kind of change arrives, committed or not", async () => {
  await using at = await place();
  await at.sh(
    `
    echo changed >> README.md
    printf 'a\\0b\\377' > binary.bin
    head -c 200000 /dev/urandom > random.bin
    printf '\\001' | dd of=image.png bs=1 seek=2500 conv=notrunc status=none
    chmod +x README.md; chmod -x bin/run
    ln -s ../outside/of/the/tree link; ln -s /etc/passwd absolute
    git mv src/one.ts src/moved.ts; echo more >> src/moved.ts
    rm src/two.ts empty.txt; rm -r dir
    git commit --quiet --all --message "The agent's own commit"
    echo tracked >> keep.log
    echo ignored > other.log
    mkdir build; echo forced > build/forced.txt; git add --force build/forced.txt; echo unforced > build/unforced.txt
    printf 'three\\r\\n' >> dos.txt
    printf 'still none' > no-end.txt
    printf 'new, none' > new-no-end.txt
    : > new-empty.txt
    printf '' > README.md.empty
    rm swap; mkdir swap; echo inside > swap/inside.txt
    mkdir -p new/deep/er; echo x > new/deep/er/x
    printf 'a\\tb\\nc"d' > $'odd \\t\\n"name'
    printf x > $'invalid-\\377\\376-utf8'
    mkdir $'dir-\\303\\244'; printf y > $'dir-\\303\\244/\\360\\237\\230\\200.txt'
    printf z > -- '-leading-dash'; printf z > ' leading and trailing '
    git add --all; git commit --quiet --message Second; echo after >> README.md
  `.replace("printf z > -- '-leading-dash'", "printf z > ./-leading-dash"),
  );
  const expected = await at.sh("git add --all && git write-tree");
  const { collected, tree } = await at.bringBack();
  assert.equal(tree, expected);
  assert.deepEqual(collected.leftOut, []);
  const names = git(at.bare, ["ls-tree", "-r", "--name-only", "farhand/x"]);
  assert.ok(names.includes("build/forced.txt") && !names.includes("unforced") && !names.includes("other.log"));
  assert.match(git(at.bare, ["show", "farhand/x:keep.log"]), /tracked$/);
  const mode = (path: string) => git(at.bare, ["ls-tree", "farhand/x", "--", path]).split(" ")[0];
  assert.deepEqual(["README.md", "bin/run", "link", "random.bin"].map(mode), ["100755", "100644", "120000", "100644"]);
  const [files, added, removed] = (await at.sh(`git diff --cached --shortstat -M ${at.base}`)).match(/\d+/g)?.map(Number) ?? [];
  assert.deepEqual(collected.stats, { files, added, removed });
});

test("no change is an empty patch, and a second collection finds the same", async () => {
  await using at = await place();
  assert.deepEqual(await at.collect(), { kind: "patch", patch: Buffer.alloc(0), stats: { files: 0, added: 0, removed: 0 }, leftOut: [] });
  await at.sh("echo x > x; echo y > y.log");
  const one = await at.collect();
  assert.deepEqual(await at.collect(), one);
  await at.sh("rm x");
  assert.ok((await at.collect()).kind === "patch" && (await at.bringBack()).collected.patch.length === 0);
});

test("files and folders trade places, links and files as well", async () => {
  await using at = await place({ "a/one": "1\n", "a/two": "2\n", b: "b\n", c: "c\n", "d/x": "x\n", "e.txt": "e\n", "f.txt": "f\n" });
  await at.sh(`
    rm -r a; echo file > a
    rm b; mkdir b; echo in > b/in
    rm c; ln -s a c
    rm -r d; ln -s b d
    mv e.txt t; mv f.txt e.txt; mv t f.txt
  `);
  const expected = await at.sh("git add --all && git write-tree");
  assert.equal((await at.bringBack()).tree, expected);
});

test("an ignored file that the agent took out of Git goes; one that it left stays", async () => {
  await using at = await place({ ".gitignore": ".env\n*.log\n", ".env": "secret\n", "keep.log": "kept\n" });
  await at.sh("git rm --quiet --cached .env; echo more >> keep.log");
  const { tree } = await at.bringBack();
  assert.deepEqual(git(at.bare, ["ls-tree", "--name-only", tree]).split("\n"), [".gitignore", "keep.log"]);
  assert.match(git(at.bare, ["show", `${tree}:keep.log`]), /more/);
});

test("whatever the agent does to its own Git directory hides nothing and adds nothing", async () => {
  const tricks: Record<string, string> = {
    "assume unchanged": "git update-index --assume-unchanged README.md",
    "skip worktree": "git update-index --skip-worktree README.md",
    settings: `git config core.autocrlf true; git config core.fileMode false; git config core.excludesFile "$PWD/all"; echo '*' > /tmp/all
      git config core.fsmonitor /bin/true; git config core.ignoreStat true; git config diff.noprefix true; git config diff.external /bin/true
      git config core.quotePath false; git config core.worktree /tmp; git config core.symlinks false; git config core.sparseCheckout true`,
    excluded: "echo '*' > .git/info/exclude",
    attributes: "echo '* -text -diff' > .git/info/attributes",
    filters: "git config filter.x.clean 'echo nothing'; git config filter.x.required true; echo '* filter=x' > .git/info/attributes",
    replaced: "git replace HEAD $(git commit-tree HEAD^{tree} -m other)",
    "a new repository": "rm -rf .git; git init --quiet",
    "no repository": "rm -rf .git",
    "a broken index": "echo rubbish > .git/index",
    "all objects gone": "rm -rf .git/objects",
    collected: "git gc --quiet --prune=now --aggressive",
    "another branch": "git checkout --quiet --orphan other; git commit --quiet --message other; git branch --quiet -D work; git tag x",
    hooks:
      "for h in pre-commit post-index-change reference-transaction; do printf '#!/bin/sh\\nrm -rf /workspace/shop\\n' > .git/hooks/$h; chmod +x .git/hooks/$h; done",
  };
  await using at = await place({ "README.md": "hello\n", "same.txt": "same\r\n", run: "#!/bin/sh\n" });
  await at.sh("cp -a .git /tmp/git; cp -a . /tmp/tree");
  for (const [name, trick] of Object.entries(tricks)) {
    await at.sh(
      `find . -mindepth 1 -delete; cp -a /tmp/tree/. .; ${trick.replaceAll('"$PWD/all"', "/tmp/all")}\necho changed > README.md; chmod +x run`,
    );
    const collected = await at.collect();
    assert.ok(collected.kind === "patch", name);
    const patch = Buffer.from(collected.patch).toString();
    assert.match(patch, /^-hello\n\+changed$/m, name);
    assert.match(patch, /^diff --git a\/run b\/run\nold mode 100644\nnew mode 100755$/m, name);
    assert.deepEqual(collected.stats.files, 2, name);
  }
});

test("attributes of the tree do not spoil the patch", async () => {
  await using at = await place({
    ".gitattributes":
      "*.bin diff\n*.lock -diff\n*.txt text eol=crlf\n*.id ident\n*.u16 working-tree-encoding=UTF-16LE\n*.x filter=lfs diff=lfs merge=lfs -text\n",
    "a.bin": Buffer.from([0, 1, 2, 10, 0, 255, 13, 10]),
    "b.lock": "lock\n",
    "c.txt": "one\r\ntwo\r\n",
    "d.id": "$Id$\n",
    "e.u16": Buffer.from("hello\n", "utf16le"),
    "f.x": "version https://git-lfs.github.com/spec/v1\n",
  });
  assert.equal((await at.collect()).kind === "patch" && (await at.bringBack()).collected.patch.length, 0);
});

test("changes under such attributes arrive", async () => {
  await using at = await place({
    ".gitattributes": "*.bin diff\n*.lock -diff\n*.txt text eol=crlf\n*.id ident\n*.u16 working-tree-encoding=UTF-16LE\n",
    "a.bin": Buffer.from([0, 1, 2, 10, 0, 255, 13, 10]),
    "b.lock": "lock\n",
    "c.txt": "one\r\ntwo\r\n",
    "d.id": "$Id$\n",
    "e.u16": Buffer.from("hello\n", "utf16le"),
  });
  await at.sh(
    "printf '\\0\\1\\2\\n\\0\\376\\r\\nx\\0' > a.bin; echo more >> b.lock; printf 'three\\r\\n' >> c.txt; echo x >> d.id; printf 'x\\0\\n\\0' >> e.u16",
  );
  const expected = await at.sh("git add --all && git write-tree");
  assert.equal((await at.bringBack()).tree, expected);
});

test("repositories within the tree and unreadable files are left out and named; the rest arrives", async () => {
  await using at = await place();
  await at.sh(`
    git init --quiet empty-repository
    git init --quiet with-commit; git -C with-commit -c user.name=x -c user.email=x commit --quiet --allow-empty --message x; echo y > with-commit/file
    git init --quiet inside/deeper
    (cd dir && git init --quiet); echo more >> dir/file.txt
    echo secret > unreadable; chmod 000 unreadable
    mkfifo pipe
    mkdir .GIT; echo x > .GIT/config
    echo more >> README.md
  `);
  const { collected, tree } = await at.bringBack();
  assert.deepEqual(collected.leftOut.map((path) => path.replace(/\/$/, "")).sort(), [
    ".GIT",
    "empty-repository",
    "inside",
    "unreadable",
    "with-commit",
  ]);
  assert.match(git(at.bare, ["show", `${tree}:README.md`]), /more/);
  assert.match(git(at.bare, ["show", `${tree}:dir/file.txt`]), /more/);
  assert.ok(!git(at.bare, ["ls-tree", "-r", tree]).includes("160000"));
});

test("over the limit there is no patch, but its size and extent", async () => {
  await using at = await place();
  await at.sh("head -c 3000000 /dev/urandom > a; echo x > b");
  const large = await at.collect(2 * MiB);
  assert.ok(large.kind === "too-large" && large.bytes > 3_000_000 && large.limitBytes === 2 * MiB);
  assert.deepEqual(large.stats, { files: 2, added: 1, removed: 0 });
  await at.sh("head -c 20000000 /dev/urandom > a");
  const larger = await at.collect(MiB);
  assert.ok(larger.kind === "too-large" && larger.bytes > 4 * MiB);
  await at.sh("rm a");
  assert.equal((await at.collect(MiB)).kind, "patch");
});

test("a file that is larger than memory is not read into it", async () => {
  await using at = await place(FILES, { diskMb: 2048 });
  await at.sh("truncate --size 600M huge");
  const collected = await at.collect();
  assert.deepEqual(collected, {
    kind: "too-large",
    bytes: 600 * MiB,
    limitBytes: 10 * MiB,
    stats: { files: 1, added: 0, removed: 0 },
    leftOut: [],
  });
});

test("without our own Git directory there is no collection, and it is said why", async () => {
  await using at = await place();
  await at.sh("rm -rf ../.farhand");
  await assert.rejects(at.collect(), /\/workspace\/\.farhand.* was removed or damaged/);
});

test("sizes are counted as git counts them", () => {
  const numstat = Buffer.from("1\t2\ta.txt\0-\t-\tb.bin\0" + "3\t0\t\0old name\0new\tname\0" + "0\t0\tmode\0");
  assert.deepEqual(readStats(numstat), { files: 4, added: 4, removed: 2 });
  assert.deepEqual(readStats(Buffer.alloc(0)), { files: 0, added: 0, removed: 0 });
});
