import assert from "node:assert/strict";
import { chmodSync, existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { bareCopy, commitFiles, git, makeBlob, makeRepository, makeTreeObject, testFolder } from "../../testing/git-repository.ts";
import { commitPatch } from "./commit.ts";
import { fetchMirror, type Mirror } from "./mirror.ts";
import { packOf, tagsOf } from "./pack.ts";
import { probe } from "./probe.ts";
import { pushBranch } from "./push.ts";
import { parseRepository } from "./repository.ts";
import { resolveRef } from "./resolve-ref.ts";
import type { Access } from "./transport.ts";

const never = new AbortController().signal;

function accessTo(path: string): Access {
  return { repository: parseRepository(path), token: null, administrator: true };
}

/** All that the host does with a repository, from the first look to the published branch. */
async function useRepository(home: string, path: string): Promise<Mirror> {
  const access = accessTo(path);
  await probe(access, null, never);
  const mirror = await fetchMirror({ home, repositoryId: "repo_1", access }, never);
  const { commit } = await resolveRef(mirror, access, null, never);
  const tags = await tagsOf(mirror, commit, never);
  for await (const chunk of packOf(mirror, { commit, tags, have: [] }, never)) assert.ok(chunk.length > 0);
  const author = { name: "Ada", email: "ada@example.org" };
  const draft = { base: commit, patch: new Uint8Array(), message: "Change", author, date: new Date(1e12) };
  await using committed = await commitPatch(mirror, draft, never);
  await pushBranch(mirror, access, { branch: "farhand/change", commit: committed, expected: null }, never);
  return mirror;
}

test("no setting, hook, filter or attribute of a repository runs on the host", async () => {
  await using folder = await testFolder();
  const path = join(folder.path, "shop");
  const canary = join(folder.path, "canary");
  const trap = join(folder.path, "trap");
  writeFileSync(trap, `#!/bin/sh\ntouch '${canary}'\nexit 1\n`);
  chmodSync(trap, 0o755);
  makeRepository(path);
  git(path, ["branch", "other"]);
  commitFiles(path, {
    ".gitattributes": "* filter=evil diff=evil merge=evil export-subst\n",
    ".gitmodules": '[submodule "x"]\n\tpath = x\n\turl = https://example.org/x\n',
    "a.txt": "a\n",
  });
  const settings = [
    "core.fsmonitor", "core.sshCommand", "core.gitProxy", "core.askPass", "core.editor", "core.pager", "credential.helper",
    "filter.evil.clean", "filter.evil.smudge", "filter.evil.process", "diff.evil.command", "diff.evil.textconv", "diff.external", "merge.evil.driver",
    "gpg.program", "uploadpack.packObjectsHook", "remote.origin.uploadpack", "remote.origin.receivepack", "sequence.editor", "uploadArchive.allowUnreachable",
  ]; // biome-ignore format: a list of words
  for (const name of settings) git(path, ["config", name, trap]);
  git(path, ["config", "commit.gpgSign", "true"]);
  git(path, ["config", "remote.origin.url", `ext::${trap}`]);
  git(path, ["config", "remote.origin.promisor", "true"]);
  git(path, ["config", `url.ext::${trap} .insteadOf`, path]);
  git(path, ["config", "protocol.ext.allow", "always"]);
  for (const name of ["post-checkout", "pre-commit", "pre-push", "post-index-change", "fsmonitor-watchman", "pre-auto-gc", "post-merge"]) {
    writeFileSync(join(path, ".git/hooks", name), `#!/bin/sh\ntouch '${canary}'\n`, { mode: 0o755 });
  }

  await useRepository(join(folder.path, "home"), path);
  assert.ok(!existsSync(canary), "something of the repository ran");

  git(path, ["config", "--unset", "filter.evil.process"]);
  const controls: [string, string[]][] = [
    ["a filter", ["-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "checkout", "HEAD", "--", "a.txt"]],
    ["fsmonitor", ["-c", "core.hooksPath=/dev/null", "status"]],
    ["a hook", ["-c", "core.fsmonitor=false", "checkout", "--quiet", "other"]],
    ["the URL", ["ls-remote", "origin"]],
  ];
  for (const [name, args] of controls) {
    rmSync(canary, { force: true });
    if (name === "a filter") rmSync(join(path, "a.txt"));
    try {
      git(path, args);
    } catch {
      // that it fails does not matter: the trap ran before
    }
    assert.ok(existsSync(canary), `${name} does act where git is used carelessly`);
  }
});

test("names that could act on a checkout are refused when they are fetched, at any depth and in any spelling", async () => {
  await using folder = await testFolder();
  const path = join(folder.path, "shop");
  makeRepository(path);
  const blob = makeBlob(path, "x\n");
  const tree = makeTreeObject(path, [{ mode: "100644", name: "config", id: blob }]);
  const names = [
    "..",
    ".",
    ".git",
    ".GIT",
    ".Git",
    "git~1",
    "GIT~1",
    ".git.",
    ".git ",
    ".git::$INDEX_ALLOCATION",
    ".g\u200cit",
    ".git\\x",
    "a/b",
  ];
  for (const name of names) {
    for (const [kind, entries] of [
      ["a folder", [{ mode: "40000", name, id: tree }]],
      ["a link", [{ mode: "120000", name, id: makeBlob(path, "/etc") }]],
      ["deeper", [{ mode: "40000", name: "deeper", id: makeTreeObject(path, [{ mode: "40000", name, id: tree }]) }]],
    ] as const) {
      const commit = git(path, ["commit-tree", makeTreeObject(path, entries), "-m", "evil"]);
      const bare = join(folder.path, "evil.git");
      bareCopy(path, bare);
      git(path, ["push", "--quiet", bare, `${commit}:refs/heads/evil`]);
      const place = { home: join(folder.path, "home"), repositoryId: "repo_1", access: accessTo(bare) };
      await assert.rejects(fetchMirror(place, never), { name: "UserError", message: /refused/ }, `${kind} ${JSON.stringify(name)}`);
      rmSync(bare, { recursive: true });
    }
  }
  const bare = join(folder.path, "good.git");
  bareCopy(path, bare);
  await useRepository(join(folder.path, "home"), bare);
});

test("tricks of .gitmodules are refused when they are fetched", async () => {
  await using folder = await testFolder();
  const home = join(folder.path, "home");
  const modules = (name: string, body: string) => `[submodule "${name}"]\n${body}\n`;
  const tricks: [string, string][] = [
    ["a name that leads out", modules("../../evil", "\tpath = x\n\turl = https://example.org/x")],
    ["a URL that is an option", modules("x", "\tpath = x\n\turl = --upload-pack=touch")],
    ["a path that is an option", modules("x", "\tpath = -u./payload\n\turl = https://example.org/x")],
    ["a command as update", modules("x", "\tpath = x\n\turl = https://example.org/x\n\tupdate = !touch canary")],
  ];
  for (const [index, [name, content]] of tricks.entries()) {
    const path = join(folder.path, `trick-${index}`);
    makeRepository(path, { ".gitmodules": content });
    await assert.rejects(useRepository(home, path), { name: "UserError", message: /refused/ }, name);
  }
  const path = join(folder.path, "good");
  makeRepository(path, { ".gitmodules": modules("x", "\tpath = x\n\turl = https://example.org/x") });
  await useRepository(home, path);
  const helper = join(folder.path, "helper");
  makeRepository(helper, { ".gitmodules": modules("x", `\tpath = x\n\turl = "ext::sh -c 'touch ${folder.path}/canary'"`) });
  await useRepository(join(folder.path, "home2"), helper);
  assert.ok(!existsSync(join(folder.path, "canary")), "submodules are not touched on the host");
});

test("links out of the tree and huge files are only content", async () => {
  await using folder = await testFolder();
  const path = join(folder.path, "shop");
  makeRepository(path);
  const link = makeBlob(path, "../../../../../../etc/passwd");
  const huge = makeBlob(path, Buffer.alloc(100_000_000));
  const tree = makeTreeObject(path, [
    { mode: "100644", name: "huge", id: huge },
    { mode: "120000", name: "link", id: link },
  ]);
  const commit = git(path, ["commit-tree", tree, "-m", "odd"]);
  git(path, ["update-ref", "refs/heads/main", commit]);
  const mirror = await useRepository(join(folder.path, "home"), path);
  assert.equal(git(mirror.path, ["rev-parse", "main^{tree}"]), tree);
});
