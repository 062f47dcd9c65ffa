import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { bareCopy, git, makeRepository, testFolder } from "../../testing/git-repository.ts";
import { commitPatch } from "./commit.ts";
import { fetchMirror } from "./mirror.ts";
import { pushBranch } from "./push.ts";
import { parseRepository } from "./repository.ts";

const never = new AbortController().signal;
const ALICE = 4_100_001;
const BOB = 4_100_002;
const asRoot = { skip: process.getuid?.() === 0 ? false : "only root can act as others" };

async function place() {
  const folder = await testFolder();
  chmodSync(folder.path, 0o711);
  const home = join(folder.path, "home");
  mkdirSync(home, { mode: 0o700 });
  const use = async (path: string, branch = "farhand/x") => {
    const access = { repository: parseRepository(path), token: null, administrator: true };
    const mirror = await fetchMirror({ home, repositoryId: "repo_1", access }, never);
    const base = git(mirror.path, ["rev-parse", "HEAD"]);
    const author = { name: "Ada", email: "ada@example.org" };
    await using commit = await commitPatch(mirror, { base, patch: new Uint8Array(), message: "x", author, date: new Date(0) }, never);
    await pushBranch(mirror, access, { branch, commit, expected: null }, never);
    return commit.commit;
  };
  return { folder: folder.path, use, [Symbol.asyncDispose]: folder[Symbol.asyncDispose] };
}

function chownAll(path: string, uid: number): void {
  execFileSync("chown", ["-R", `${uid}:${uid}`, "--", path]);
}

test(
  "another user's repository is read and written as its owner, bare or not, in a home that only the owner may enter",
  asRoot,
  async () => {
    await using at = await place();
    const aliceHome = join(at.folder, "alice");
    const work = join(aliceHome, "shop");
    const bare = join(aliceHome, "shop.git");
    makeRepository(work);
    bareCopy(work, bare);
    const whoami = join(aliceHome, "out/whoami");
    mkdirSync(join(aliceHome, "out"));
    const script = `#!/bin/sh\n{ id -u; id -g; id -G; } > ${whoami}\n`;
    for (const path of [join(work, ".git"), bare]) writeFileSync(join(path, "hooks/post-receive"), script, { mode: 0o755 });
    chownAll(aliceHome, ALICE);
    chmodSync(aliceHome, 0o100); // not even readable, only passable
    for (const [path, refs] of [
      [work, join(work, ".git/refs")],
      [bare, join(bare, "refs")],
    ] as const) {
      await at.use(path);
      assert.equal(statSync(join(refs, "heads/farhand/x")).uid, ALICE);
      assert.equal(readFileSync(whoami, "utf8"), `${ALICE}\n${ALICE}\n${ALICE}\n`);
    }
  },
);

test("a repository of root's is used as root", asRoot, async () => {
  await using at = await place();
  const path = join(at.folder, "shop");
  makeRepository(path);
  const commit = await at.use(path);
  assert.equal(git(path, ["rev-parse", "farhand/x"]), commit);
});

test(
  "a user's repository with a .git of root's is read as the user, and a .git of the user's in a folder of root's written as the user",
  asRoot,
  async () => {
    await using at = await place();
    const mixed = join(at.folder, "mixed");
    makeRepository(mixed);
    chownAll(join(mixed, ".git"), ALICE);
    await at.use(mixed);
    assert.equal(statSync(join(mixed, ".git/refs/heads/farhand/x")).uid, ALICE);

    const other = join(at.folder, "other");
    makeRepository(other);
    chownSync(other, ALICE, ALICE);
    await assert.rejects(at.use(other), { name: "UserError", code: "forbidden", message: /No right to use/ });
  },
);

test("root's rights are not lent: nothing is read that the owner may not read", asRoot, async () => {
  await using at = await place();
  const secret = join(at.folder, "secret");
  makeRepository(secret, { "secret.txt": "root's\n" });
  chmodSync(secret, 0o700);
  const alice = join(at.folder, "alice");
  makeRepository(alice);
  writeFileSync(join(alice, ".git/objects/info/alternates"), `${secret}/.git/objects\n`);
  const head = git(secret, ["rev-parse", "HEAD"]);
  writeFileSync(join(alice, ".git/refs/heads/stolen"), `${head}\n`);
  assert.equal(git(alice, ["show", "stolen:secret.txt"]), "root's", "as root it works");
  chownAll(alice, ALICE);
  await assert.rejects(at.use(alice));

  const gitfile = join(at.folder, "gitfile");
  mkdirSync(gitfile);
  writeFileSync(join(gitfile, ".git"), `gitdir: ${secret}/.git\n`);
  chownAll(gitfile, ALICE);
  await assert.rejects(at.use(gitfile), { name: "UserError" });
});

test("a repository of two users is refused", asRoot, async () => {
  await using at = await place();
  const path = join(at.folder, "shop");
  makeRepository(path);
  chownAll(path, ALICE);
  chownAll(join(path, ".git"), BOB);
  await assert.rejects(at.use(path), { code: "forbidden", message: /belong to two users \(4100001 and 4100002\)/ });
});

test("what root's link leads to is not used with root's rights if it is another user's", asRoot, async () => {
  await using at = await place();
  const canary = join(at.folder, "canary");
  const alice = join(at.folder, "alice");
  makeRepository(alice);
  writeFileSync(join(alice, ".git/hooks/pre-receive"), `#!/bin/sh\nid -u > ${canary}\n`, { mode: 0o755 });
  writeFileSync(canary, "");
  chownAll(alice, ALICE);
  chownSync(canary, ALICE, ALICE);
  const link = join(at.folder, "link");
  mkdirSync(link);
  writeFileSync(join(link, ".git"), `gitdir: ${alice}/.git\n`);
  await assert.rejects(at.use(link), { code: "forbidden", message: /belong to another user/ });
  assert.equal(readFileSync(canary, "utf8"), "");
  await at.use(alice);
  assert.equal(readFileSync(canary, "utf8"), `${ALICE}\n`);
});

test("a user's link to what only root may read is followed as that user", asRoot, async () => {
  await using at = await place();
  const secret = join(at.folder, "secret");
  makeRepository(secret);
  chmodSync(secret, 0o700);
  const alice = join(at.folder, "alice");
  mkdirSync(alice);
  symlinkSync("../secret", join(alice, "shop"));
  execFileSync("chown", ["-hR", `${ALICE}:${ALICE}`, alice]);
  await assert.rejects(at.use(join(alice, "shop")), { name: "UserError" });
  await assert.rejects(at.use(join(alice, "shop/../secret")), { name: "UserError" });
  chmodSync(secret, 0o755);
  await assert.rejects(at.use(join(alice, "shop")), { code: "forbidden", message: /No right to use/ }); // read, but not written
  symlinkSync(secret, join(at.folder, "root-link"));
  await at.use(join(at.folder, "root-link"));
});

test("a repository in a folder of a third user, or where everybody may exchange it, is refused", asRoot, async () => {
  await using at = await place();
  const bob = join(at.folder, "bob");
  makeRepository(join(bob, "shop"));
  chownAll(join(bob, "shop"), ALICE);
  chownSync(bob, BOB, BOB);
  await assert.rejects(at.use(join(bob, "shop")), { code: "forbidden", message: /belong to two users/ });
  chownSync(bob, 0, 0);
  chmodSync(bob, 0o777);
  await assert.rejects(at.use(join(bob, "shop")), { code: "forbidden", message: /everybody may exchange it/ });
  chmodSync(bob, 0o1777);
  await at.use(join(bob, "shop"));
  symlinkSync("circle", join(at.folder, "circle"));
  await assert.rejects(at.use(join(at.folder, "circle")), { code: "not-found" });
});

const FETCH = `
  import { fetchMirror } from ${JSON.stringify(new URL("mirror.ts", import.meta.url).href)};
  const [home, path] = process.argv.slice(1);
  const access = { repository: { kind: "local", path }, token: null, administrator: true };
  await fetchMirror({ home, repositoryId: "repo_1", access }, new AbortController().signal).catch((error) => console.log(error.code, error.message));
`;

test("a server that runs as an ordinary user reads its own repositories and root's, and says why not another's", asRoot, async () => {
  await using at = await place();
  const fetchAsBob = (path: string) => {
    const home = join(at.folder, "bob");
    mkdirSync(home, { recursive: true });
    chownSync(home, BOB, BOB);
    const argv = [
      `--reuid=${BOB}`,
      `--regid=${BOB}`,
      "--clear-groups",
      process.execPath,
      "--input-type=module",
      "--eval",
      FETCH,
      home,
      path,
    ];
    return execFileSync("setpriv", argv, { stdio: ["ignore", "pipe", "pipe"] }).toString();
  };
  for (const [owner, answer] of [
    [BOB, /^$/],
    [0, /^$/],
    [ALICE, /^forbidden .* belongs to another user \(4100001\) than the server runs as \(4100002\)/],
  ] as const) {
    const path = join(at.folder, `of-${owner}`);
    makeRepository(path);
    chownAll(path, owner);
    assert.match(fetchAsBob(path), answer);
  }
});

test("spaces, quotes and shell characters in a path are only a path", async () => {
  await using at = await place();
  const canary = join(at.folder, "canary");
  const path = join(at.folder, `it's "a" $(touch ${canary.replaceAll("/", "\\/")}) ;touch canary; \`x\` päth`);
  makeRepository(path);
  if (process.getuid?.() === 0) chownAll(path, ALICE);
  await at.use(path);
  assert.ok(!existsSync(canary) && !existsSync("/canary"));
});
