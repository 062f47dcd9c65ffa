import assert from "node:assert/strict";
import { existsSync, lstatSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { deflateSync } from "node:zlib";
import { commitFiles, git, makeRepository, testFolder } from "../../testing/git-repository.ts";
import { type CommitDraft, commitPatch } from "./commit.ts";
import { fetchMirror } from "./mirror.ts";
import { parseRepository } from "./repository.ts";

const never = new AbortController().signal;

async function place(files?: Record<string, string | Uint8Array>) {
  const folder = await testFolder();
  const repository = join(folder.path, "shop");
  const base = makeRepository(repository, files);
  const access = { repository: parseRepository(repository), token: null, administrator: true };
  const mirror = await fetchMirror({ home: join(folder.path, "home"), repositoryId: "repo_1", access }, never);
  const draft = (patch: string | Uint8Array, changes: Partial<CommitDraft> = {}): CommitDraft => ({
    base,
    patch: Buffer.from(patch),
    message: "Change",
    author: { name: "Ada Lovelace", email: "ada@example.org" },
    date: new Date("2026-01-02T03:04:05.678Z"),
    ...changes,
  });
  const show = (commit: { objects: string; commit: string }, ...args: string[]) =>
    git(mirror.path, [...args], {
      variables: { GIT_OBJECT_DIRECTORY: commit.objects, GIT_ALTERNATE_OBJECT_DIRECTORIES: `${mirror.path}/objects` },
    });
  return { folder: folder.path, repository, base, mirror, draft, show, [Symbol.asyncDispose]: folder[Symbol.asyncDispose] };
}

const newFile = (path: string, mode = "100644", text = "x") =>
  `diff --git a/${path} b/${path}\nnew file mode ${mode}\nindex 0000000..587be6b\n--- /dev/null\n+++ b/${path}\n@@ -0,0 +1 @@\n+${text}\n${mode === "120000" ? "\\ No newline at end of file\n" : ""}`;

test("a patch becomes a commit on its base, by its author, the same each time", async () => {
  await using at = await place();
  const draft = at.draft(newFile("a.txt"), { message: "Add a\r\n\r\nbecause\u0000 of \u001b[31mit\n" });
  await using one = await commitPatch(at.mirror, draft, never);
  await using two = await commitPatch(at.mirror, draft, never);
  assert.equal(one.commit, two.commit);
  assert.ok(one.changed);
  const text = at.show(one, "cat-file", "-p", one.commit);
  const who = "Ada Lovelace <ada@example.org> 1767323045 +0000";
  assert.equal(text, `tree ${one.tree}\nparent ${at.base}\nauthor ${who}\ncommitter ${who}\n\nAdd a\n\nbecause of [31mit`);
  assert.equal(at.show(one, "show", `${one.commit}:a.txt`), "x");
});

test("an empty patch is a commit without a change", async () => {
  await using at = await place();
  await using commit = await commitPatch(at.mirror, at.draft(""), never);
  assert.equal(commit.changed, false);
  assert.equal(commit.tree, git(at.repository, ["rev-parse", "HEAD^{tree}"]));
});

test("whatever a person is called, there is an author", async () => {
  await using at = await place();
  const cases: [string, string, string][] = [
    ["Ada\n<root@example.org>", "ada@example.org", "Adaroot@example.org <ada@example.org>"],
    ["", "ada@example.org", "ada <ada@example.org>"],
    ["...", "ada@example.org", "ada <ada@example.org>"],
    ["Grażyna 谢", "g@example.org", "Grażyna 谢 <g@example.org>"],
    ["", "", "Farhand <>"],
  ];
  for (const [name, email, shown] of cases) {
    await using commit = await commitPatch(at.mirror, at.draft(newFile("a"), { author: { name, email } }), never);
    assert.ok(at.show(commit, "cat-file", "-p", commit.commit).includes(`author ${shown} 1767323045`), name);
  }
});

test("the mirror stays as it was, and the commit's store goes with the commit", async () => {
  await using at = await place();
  const list = () => readdirSync(at.mirror.path, { recursive: true }).sort();
  const before = list();
  {
    await using commit = await commitPatch(at.mirror, at.draft(newFile("a.txt")), never);
    assert.deepEqual(list(), before);
    assert.throws(() => git(at.mirror.path, ["cat-file", "-e", commit.commit]));
  }
  await assert.rejects(commitPatch(at.mirror, at.draft("rubbish"), never), { code: "invalid" });
  assert.deepEqual(readdirSync(join(at.folder, "home/commits")), []);
});

test("a patch that does not fit is refused in words", async () => {
  await using at = await place();
  const cases: Record<string, string> = {
    "no patch": "hello\n",
    "another base": "diff --git a/README.md b/README.md\n--- a/README.md\n+++ b/README.md\n@@ -1 +1 @@\n-other\n+x\n",
    "a missing file": "diff --git a/no b/no\ndeleted file mode 100644\n--- a/no\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n",
    "a cut end": newFile("a.txt").slice(0, -3),
    "a broken binary":
      "diff --git a/b b/b\nnew file mode 100644\nindex 0000000000000000000000000000000000000000..587be6b4c3f93f93c489c0111bba5596147a26cb\nGIT binary patch\nliteral 2\nzzzzz\n\n",
  };
  for (const [name, patch] of Object.entries(cases)) {
    await assert.rejects(
      commitPatch(at.mirror, at.draft(patch), never),
      { name: "UserError", message: /cannot be turned into a commit/ },
      name,
    );
  }
});

/** Paths that lead out of a tree, or into the Git directory of whoever checks it out, on any system. */
const EVIL_PATHS = [
  "../canary",
  "../../../../../../tmp/farhand-canary",
  "/tmp/farhand-canary",
  "a/../../canary",
  "a/../.git/config",
  ".git/config",
  ".git/hooks/post-checkout",
  "a/.git/config",
  ".GIT/config",
  ".Git/hooks/pre-push",
  "git~1/config",
  "GIT~1/config",
  ".git./config",
  ".git /config",
  ".git::$INDEX_ALLOCATION/config",
  ".g\u200cit/config",
  "\u200e.git/config",
  ".git\\config",
  "./a",
  "a//b",
  "a\\..\\canary",
];

/** git may take these: as `a`, as `a/b`, and as one name with backslashes in it. */
const HARMLESS = new Set(EVIL_PATHS.slice(-3));

test("paths that lead out of the tree or into a Git directory change nothing and are refused", async () => {
  await using at = await place();
  await (await commitPatch(at.mirror, at.draft(newFile("good/path")), never))[Symbol.asyncDispose]();
  const before = readdirSync(at.folder, { recursive: true }).sort();
  for (const path of EVIL_PATHS) {
    for (const patch of [newFile(path), quoted(newFile(path), path)]) {
      const result = await commitPatch(at.mirror, at.draft(patch), never).catch((error: Error) => error);
      if (result instanceof Error) assert.equal(result.name, "UserError", `${path}: ${result.message}`);
      else {
        const names = at.show(result, "ls-tree", "-r", "--name-only", result.commit).split("\n");
        await result[Symbol.asyncDispose]();
        assert.ok(HARMLESS.has(path), `${path} became ${names}`);
      }
    }
  }
  assert.deepEqual(readdirSync(at.folder, { recursive: true }).sort(), before);
  assert.ok(!existsSync("/tmp/farhand-canary"));
});

function quoted(patch: string, path: string): string {
  const octal = [...Buffer.from(path)].map((byte) => `\\${byte.toString(8).padStart(3, "0")}`).join("");
  return patch.replaceAll(`a/${path}`, `"a/${octal}"`).replaceAll(`b/${path}`, `"b/${octal}"`);
}

test("nothing is written through a symbolic link", async () => {
  await using at = await place();
  const outside = join(at.folder, "outside");
  makeRepository(outside);
  const link = newFile("link", "120000", outside);
  await assert.rejects(commitPatch(at.mirror, at.draft(link + newFile("link/canary")), never), { name: "UserError" });
  await using linked = await commitPatch(at.mirror, at.draft(link), never);
  assert.match(at.show(linked, "ls-tree", linked.commit, "link"), /^120000 blob/);
  const onLink = at.draft(newFile("link/canary"), { base: at.base });
  symlinkInto(at.repository, outside);
  assert.ok(lstatSync(join(at.repository, "link")).isSymbolicLink());
  await using direct = await commitPatch(at.mirror, onLink, never);
  assert.equal(at.show(direct, "show", `${direct.commit}:link/canary`), "x");
  assert.ok(!existsSync(join(outside, "canary")));
});

function symlinkInto(repository: string, target: string): void {
  git(repository, [
    "update-index",
    "--add",
    "--cacheinfo",
    `120000,${git(repository, ["hash-object", "-w", "--stdin"], { input: target })},link`,
  ]);
  git(repository, ["checkout-index", "--", "link"]);
}

test("attributes, filters and settings that a patch brings are content and run nothing", async () => {
  await using at = await place();
  const canary = join(at.folder, "canary");
  const files = {
    ".gitattributes": "* filter=evil diff=evil text eol=crlf ident\n",
    ".gitmodules": `[submodule "x"]\n\tpath = x\n\turl = ext::sh -c 'touch ${canary}'\n\tupdate = !touch ${canary}\n`,
    ".gitconfig": `[core]\n\tfsmonitor = touch ${canary}\n`,
    "README.md": "$Id$\r\nhello\r\n",
  };
  commitFiles(at.repository, files);
  const patch = git(at.repository, ["diff", "--binary", "--full-index", at.base, "HEAD"]);
  await using commit = await commitPatch(at.mirror, at.draft(`${patch}\n`), never);
  assert.equal(commit.tree, git(at.repository, ["rev-parse", "HEAD^{tree}"]));
  assert.ok(!existsSync(canary));
});

test("a patch that unpacks to more than the host should bear is refused", async () => {
  await using at = await place();
  const claim = (bytes: number) =>
    `diff --git a/bomb b/bomb\nnew file mode 100644\nindex ${"0".repeat(40)}..${"1".repeat(40)}\nGIT binary patch\nliteral ${bytes}\n${base85(deflateSync(Buffer.alloc(16)))}\n\nliteral 0\nHcmV?d00001\n\n`;
  const refused = async (bytes: number) =>
    commitPatch(at.mirror, at.draft(claim(bytes)), never).then(
      () => assert.fail("taken"),
      (error: Error) => error.message,
    );
  assert.match(await refused(2 ** 31), /cannot be turned into a commit/);
  for (const bytes of [2 ** 33, 2 ** 45]) assert.match(await refused(bytes), /out of memory/i, String(bytes));
});

const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~";

/** A line of a binary patch, for at most 52 bytes. */
function base85(bytes: Uint8Array): string {
  const length = String.fromCharCode(bytes.length <= 26 ? 64 + bytes.length : 70 + bytes.length);
  let text = "";
  for (let at = 0; at < bytes.length; at += 4) {
    let value = [0, 1, 2, 3].reduce((sum, index) => sum * 256 + (bytes[at + index] ?? 0), 0);
    let word = "";
    for (let digit = 0; digit < 5; digit++) {
      word = DIGITS[value % 85] + word;
      value = Math.floor(value / 85);
    }
    text += word;
  }
  return length + text;
}

test("an aborted commit leaves nothing", async () => {
  await using at = await place();
  const reason = new Error("enough");
  await assert.rejects(commitPatch(at.mirror, at.draft(newFile("a")), AbortSignal.abort(reason)), reason);
  writeFileSync(join(at.folder, "home/commits/unrelated"), "");
  assert.deepEqual(readdirSync(join(at.folder, "home/commits")), ["unrelated"]);
  assert.equal(readFileSync(join(at.repository, "README.md"), "utf8"), "hello\n");
});
