import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { bareCopy, commitFiles, git, makeRepository, testFolder } from "../../testing/git-repository.ts";
import { fetchMirror } from "./mirror.ts";
import { packOf, tagsOf } from "./pack.ts";
import { probe } from "./probe.ts";
import { parseRepository } from "./repository.ts";
import { isReachedFrom, resolveRef } from "./resolve-ref.ts";
import type { Access } from "./transport.ts";

const never = new AbortController().signal;

function accessTo(path: string): Access {
  return { repository: parseRepository(path), token: null, administrator: true };
}

/** A repository with one commit, and how to mirror it. */
async function place() {
  const folder = await testFolder();
  const repository = join(folder.path, "shop");
  const commit = makeRepository(repository);
  const access = accessTo(repository);
  const home = join(folder.path, "home");
  return {
    commit,
    repository,
    access,
    home,
    fetch: (signal = never) => fetchMirror({ home, repositoryId: "repo_1", access }, signal),
    [Symbol.asyncDispose]: folder[Symbol.asyncDispose],
  };
}

const refsOf = (path: string) => git(path, ["for-each-ref", "--format=%(objectname) %(refname)", "refs/heads", "refs/tags"]);

test("a mirror follows its remote: new, moved, removed and renamed branches, tags, and the default branch", async () => {
  await using at = await place();
  const mirror = await at.fetch();
  assert.equal(refsOf(mirror.path), refsOf(at.repository));
  assert.ok(!existsSync(join(mirror.path, "hooks")));

  git(at.repository, ["branch", "topic"]);
  git(at.repository, ["tag", "--annotate", "--message", "one", "v1"]);
  await at.fetch();
  assert.equal(refsOf(mirror.path), refsOf(at.repository));

  git(at.repository, ["branch", "--delete", "--force", "topic"]);
  git(at.repository, ["branch", "topic/deeper"]);
  git(at.repository, ["tag", "--force", "v1", "HEAD"]);
  commitFiles(at.repository, { "README.md": "rewritten\n" });
  git(at.repository, ["commit", "--quiet", "--amend", "--message", "Other"]);
  git(at.repository, ["branch", "--move", "main", "trunk"]);
  await at.fetch();
  assert.equal(refsOf(mirror.path), refsOf(at.repository));
  assert.equal((await resolveRef(mirror, at.access, null, never)).ref, "trunk");

  git(at.repository, ["checkout", "--quiet", "--detach"]);
  const loose = commitFiles(at.repository, { "loose.txt": "on no branch\n" });
  await at.fetch();
  assert.deepEqual(await resolveRef(mirror, at.access, null, never), { commit: loose, ref: loose });

  git(at.repository, ["symbolic-ref", "HEAD", "refs/heads/not-there-yet"]);
  await at.fetch();
  await assert.rejects(resolveRef(mirror, at.access, null, never), { code: "not-found", message: /no default branch: name a branch/ });
  await assert.rejects(probe(at.access, null, never), { code: "not-found", message: /no default branch: name a branch/ });
});

test("a ref is a branch, a tag, a commit or the start of one, and what is missing is told with what there is", async () => {
  await using at = await place();
  git(at.repository, ["tag", "--annotate", "--message", "one", "v1"]);
  git(at.repository, ["checkout", "--quiet", "-b", "feature/x"]);
  const later = commitFiles(at.repository, { "x.txt": "x\n" });
  git(at.repository, ["branch", "v1"]);
  git(at.repository, ["checkout", "--quiet", "main"]);
  const mirror = await at.fetch();
  const resolve = (ref: string | null) => resolveRef(mirror, at.access, ref, never);
  assert.deepEqual(await resolve(null), { commit: at.commit, ref: "main" });
  assert.deepEqual(await resolve("main"), { commit: at.commit, ref: "main" });
  assert.deepEqual(await resolve("feature/x"), { commit: later, ref: "feature/x" });
  assert.equal((await resolve("v1")).commit, later);
  const reached = (tip: string, commit: string) => isReachedFrom(mirror, tip, commit, never);
  assert.deepEqual([await reached(later, at.commit), await reached(later, later), await reached(at.commit, later)], [true, true, false]);
  assert.equal((await resolve("refs/tags/v1")).commit, at.commit);
  assert.equal((await resolve(later)).commit, later);
  assert.equal((await resolve(later.slice(0, 8).toUpperCase())).commit, later);
  for (const ref of ["nothing", "feature", "0123456", "0".repeat(40), "HEAD~1", "main:README.md", "@", "--all"]) {
    const message = `There is no branch, tag or commit ${ref} in ${at.repository}. The branches are: `;
    await assert.rejects(resolve(ref), (error: Error) => error.name === "UserError" && error.message.startsWith(message), ref);
  }
});

test("a commit that no branch has any more is fetched by its id", async () => {
  await using at = await place();
  git(at.repository, ["checkout", "--quiet", "-b", "topic"]);
  const dropped = commitFiles(at.repository, { "x.txt": "x\n" });
  git(at.repository, ["checkout", "--quiet", "main"]);
  git(at.repository, ["branch", "--delete", "--force", "topic"]);
  const mirror = await at.fetch();
  await assert.rejects(resolveRef(mirror, at.access, dropped.slice(0, 10), never), { code: "not-found" });
  git(at.repository, ["config", "uploadpack.allowAnySHA1InWant", "true"]);
  assert.equal((await resolveRef(mirror, at.access, dropped, never)).commit, dropped);
});

test("what cannot be mirrored is said in words", async () => {
  await using folder = await testFolder();
  const home = join(folder.path, "home");
  const cases: [string, object][] = [
    ["missing", { code: "not-found", message: /There is no repository at .*missing/ }],
    ["plain", { code: "not-found", message: /plain is no Git repository/ }],
    ["file", { code: "invalid", message: /no directory/ }],
    ["empty", { code: "invalid", message: /empty is empty: push a first commit/ }],
  ];
  mkdirSync(join(folder.path, "plain"));
  writeFileSync(join(folder.path, "file"), "");
  git(folder.path, ["init", "--quiet", "empty"]);
  for (const [name, expected] of cases) {
    const access = accessTo(join(folder.path, name));
    await assert.rejects(fetchMirror({ home, repositoryId: "repo_1", access }, never), expected, name);
    await assert.rejects(probe(access, null, never), expected, name);
  }
  const member = { ...accessTo(join(folder.path, "missing")), administrator: false };
  await assert.rejects(probe(member, null, never), { code: "forbidden", message: /Only administrators/ });
});

test("a probe tells the default branch, and which branches there are if one is missing", async () => {
  await using at = await place();
  assert.deepEqual(await probe(at.access, "main", never), { defaultBranch: "main" });
  await assert.rejects(probe(at.access, "master", never), {
    code: "not-found",
    message: /no branch or tag master .* The branches are: main\./,
  });
});

test("the pack has the history of the commit and its tags, and nothing else; or only what is missing", async () => {
  await using at = await place();
  git(at.repository, ["tag", "--annotate", "--message", "one", "v1"]);
  const second = commitFiles(at.repository, { "b.txt": "b\n" });
  git(at.repository, ["checkout", "--quiet", "-b", "other", at.commit]);
  const other = commitFiles(at.repository, { "other.txt": "other\n" });
  git(at.repository, ["tag", "v2", other]);
  const mirror = await at.fetch();
  const tags = await tagsOf(mirror, second, never);
  assert.deepEqual(tags, [{ name: "v1", id: git(at.repository, ["rev-parse", "v1"]) }]);

  const bare = join(at.home, "target.git");
  git("/", ["init", "--quiet", "--bare", bare]);
  const unpack = async (have: string[]) => {
    const pack = Buffer.concat(await Array.fromAsync(packOf(mirror, { commit: second, tags, have }, never)));
    git(bare, ["index-pack", "--stdin", "--fix-thin"], { input: pack });
    return pack;
  };
  const whole = await unpack([]);
  assert.equal(git(bare, ["rev-list", "--count", second]), "2");
  assert.match(git(bare, ["cat-file", "-p", tags[0]?.id ?? ""]), /^tag v1$/m);
  assert.throws(() => git(bare, ["cat-file", "-e", other]));
  assert.ok((await unpack([at.commit])).length < whole.length);
});

test("of a mirror that is damaged the next fetch makes a new one", async () => {
  await using at = await place();
  commitFiles(at.repository, { "big.bin": Buffer.alloc(100_000, "farhand") });
  const mirror = await at.fetch();
  const damage: Record<string, () => void> = {
    "no HEAD": () => rmSync(join(mirror.path, "HEAD")),
    "an empty HEAD": () => writeFileSync(join(mirror.path, "HEAD"), ""),
    "no objects": () => rmSync(join(mirror.path, "objects"), { recursive: true }),
    "broken settings": () => writeFileSync(join(mirror.path, "config"), "[core"),
    "a foreign file in its place": () => {
      rmSync(mirror.path, { recursive: true });
      writeFileSync(mirror.path, "");
    },
  };
  for (const [name, harm] of Object.entries(damage)) {
    harm();
    await at.fetch();
    assert.equal(refsOf(mirror.path), refsOf(at.repository), name);
    git(mirror.path, ["fsck", "--full"]);
  }

  const packs = join(mirror.path, "objects/pack");
  for (const name of readdirSync(packs).filter((one) => one.endsWith(".pack"))) {
    chmodSync(join(packs, name), 0o600);
    truncateSync(join(packs, name), 100);
  }
  const head = git(at.repository, ["rev-parse", "HEAD"]);
  await at.fetch();
  const read = () => Array.fromAsync(packOf(mirror, { commit: head, tags: [], have: [] }, never));
  await assert.rejects(read(), { name: "UserError", code: "unavailable", message: /damaged.*try again/ });
  await at.fetch();
  assert.ok((await read()).length > 0);
});

test("a remote that is damaged itself is told so, and does not cost us our copy", async () => {
  await using at = await place();
  const mirror = await at.fetch();
  const before = readdirSync(join(mirror.path, "objects/pack"));
  commitFiles(at.repository, { "b.txt": "b\n" });
  const blob = git(at.repository, ["rev-parse", "HEAD:b.txt"]);
  const file = join(at.repository, ".git/objects", blob.slice(0, 2), blob.slice(2));
  const whole = readFileSync(file);
  chmodSync(file, 0o644);
  writeFileSync(file, "");
  await assert.rejects(at.fetch(), { name: "UserError", message: /is damaged itself/ });
  assert.deepEqual(readdirSync(join(mirror.path, "objects/pack")), before);
  writeFileSync(file, whole);
  await at.fetch();
  assert.equal(refsOf(mirror.path), refsOf(at.repository));
});

test("what killed fetches left behind does not stand in the way", async () => {
  await using at = await place();
  const mirror = await at.fetch();
  commitFiles(at.repository, { "b.txt": "b\n" });
  for (const name of ["packed-refs.lock", "HEAD.lock", "config.lock", "refs/heads/main.lock", "shallow.lock"])
    writeFileSync(join(mirror.path, name), "");
  writeFileSync(join(mirror.path, "objects/pack/tmp_pack_abc"), "half");
  mkdirSync(join(mirror.path, "objects/incoming-x"));
  mkdirSync(`${mirror.path}.new/objects`, { recursive: true });
  await at.fetch();
  assert.equal(refsOf(mirror.path), refsOf(at.repository));
  const left = (readdirSync(mirror.path, { recursive: true }) as string[]).filter((name) => /\.lock$|tmp_|incoming/.test(name));
  assert.deepEqual(left, []);
});

const FETCHER = `
  import { fetchMirror } from ${JSON.stringify(new URL("mirror.ts", import.meta.url).href)};
  const [home, path] = process.argv.slice(1);
  const access = { repository: { kind: "local", path }, token: null, administrator: true };
  process.stdout.write("started\\n");
  await fetchMirror({ home, repositoryId: "repo_1", access, onProgress: () => process.stdout.write("fetching\\n") }, new AbortController().signal);
  process.stdout.write("done\\n");
`;

function fetcher(home: string, path: string) {
  return spawn(process.execPath, ["--input-type=module", "--eval", FETCHER, home, path], { stdio: ["ignore", "pipe", "inherit"] });
}

/** Enough random content that a fetch takes a while. */
function makeLargeRepository(path: string, files: number): void {
  const random = Buffer.alloc(200_000);
  const content = Object.fromEntries(
    Array.from({ length: files }, (_, index) => {
      crypto.getRandomValues(random.subarray(0, 65_536));
      return [`${index}.bin`, Buffer.from(random)];
    }),
  );
  makeRepository(path, content);
}

test("a fetch that is killed with its process leaves a mirror that the next fetch completes", async () => {
  await using folder = await testFolder();
  const home = join(folder.path, "home");
  const repository = join(folder.path, "large");
  makeLargeRepository(repository, 100);
  const child = fetcher(home, repository);
  let text = "";
  for await (const chunk of child.stdout) {
    text += chunk;
    if (text.includes("fetching")) break;
  }
  assert.match(text, /fetching/);
  child.kill("SIGKILL");
  await once(child, "close");
  const mirror = await fetchMirror({ home, repositoryId: "repo_1", access: accessTo(repository) }, never);
  assert.equal(refsOf(mirror.path), refsOf(repository));
  git(mirror.path, ["fsck", "--full"]);
});

test("an aborted fetch ends at once with its reason, its processes gone, and the next one works", async () => {
  await using folder = await testFolder();
  const home = join(folder.path, "home");
  const repository = join(folder.path, "large");
  makeLargeRepository(repository, 50);
  const abort = new AbortController();
  const reason = new Error("enough");
  const place = { home, repositoryId: "repo_1", access: accessTo(repository) };
  await assert.rejects(fetchMirror({ ...place, onProgress: () => abort.abort(reason) }, abort.signal), reason);
  await assert.rejects(fetchMirror(place, abort.signal), reason);
  const mirror = await fetchMirror(place, never);
  assert.equal(refsOf(mirror.path), refsOf(repository));
});

test("many fetch one repository at once, in one process and in several, and all find it whole", async () => {
  await using at = await place();
  for (let round = 0; round < 3; round++) {
    const head = commitFiles(at.repository, { "round.txt": `${round}\n` });
    const others = [fetcher(at.home, at.repository), fetcher(at.home, at.repository)];
    const exits = others.map(async (child) => {
      child.stdout.resume();
      return (await once(child, "close"))[0];
    });
    const mirrors = await Promise.all(Array.from({ length: 6 }, () => at.fetch()));
    for (const mirror of mirrors) assert.equal((await resolveRef(mirror, at.access, null, never)).commit, head);
    assert.deepEqual(await Promise.all(exits), [0, 0]);
  }
});

const asRoot = { skip: process.getuid?.() === 0 ? false : "only root can make a small disk" };

test("a full disk is told, leaves no half pack, and is no reason to begin anew", asRoot, async () => {
  await using folder = await testFolder();
  const home = join(folder.path, "home");
  const repository = join(folder.path, "large");
  makeRepository(repository);
  mkdirSync(home);
  const grow = `
    import { execFileSync } from "node:child_process";
    import { readdirSync } from "node:fs";
    import { fetchMirror } from ${JSON.stringify(new URL("mirror.ts", import.meta.url).href)};
    const [home, path] = process.argv.slice(1);
    const access = { repository: { kind: "local", path }, token: null, administrator: true };
    const fetch = () => fetchMirror({ home, repositoryId: "repo_1", access }, new AbortController().signal);
    await fetch();
    const git = (...args) => execFileSync("git", ["-C", path, "-c", "user.name=x", "-c", "user.email=x", ...args]);
    execFileSync("dd", ["if=/dev/urandom", "of=" + path + "/random", "bs=1M", "count=8", "status=none"]);
    git("add", "."); git("commit", "--quiet", "--message", "large");
    await fetch().catch((error) => console.log(error.name, error.code, error.message));
    console.log(readdirSync(home + "/mirrors/repo_1.git/objects/pack").filter((name) => /tmp_|pack$/.test(name)).length, "pack");
    git("reset", "--quiet", "--hard", "HEAD~1");
    await fetch();
    console.log("well again");
  `;
  const script = 'mount -t tmpfs -o size=4m none "$1" && exec "$0" --input-type=module --eval "$3" "$1" "$2"';
  const argv = ["--mount", "--propagation", "private", "sh", "-c", script, process.execPath, home, repository, grow];
  const child = spawn("unshare", argv, { stdio: ["ignore", "pipe", "inherit"] });
  const text = (await Array.fromAsync(child.stdout)).join("");
  assert.match(text, /^UserError unavailable The server's disk is full, .*\n1 pack\nwell again\n$/);
});

test("a repository with SHA-256 names is mirrored like any other", async () => {
  await using folder = await testFolder();
  const path = join(folder.path, "shop");
  mkdirSync(path);
  git(path, ["init", "--quiet", "--object-format=sha256", "--initial-branch=main"]);
  const commit = commitFiles(path, { "a.txt": "a\n" });
  assert.equal(commit.length, 64);
  const access = accessTo(path);
  const mirror = await fetchMirror({ home: join(folder.path, "home"), repositoryId: "repo_1", access }, never);
  assert.equal((await resolveRef(mirror, access, commit.slice(0, 12), never)).commit, commit);
});

test("many small fetches do not leave many packs, and lose nothing", async () => {
  await using at = await place();
  let mirror = await at.fetch();
  git(at.repository, ["checkout", "--quiet", "-b", "topic"]);
  const left = commitFiles(at.repository, { "left.txt": "left behind\n" });
  await at.fetch();
  git(at.repository, ["checkout", "--quiet", "main"]);
  git(at.repository, ["branch", "--delete", "--force", "topic"]);
  for (let count = 0; count < 35; count++) {
    commitFiles(at.repository, { "count.txt": `${count}\n` });
    mirror = await at.fetch();
  }
  const packs = readdirSync(join(mirror.path, "objects/pack")).filter((name) => name.endsWith(".pack"));
  assert.ok(packs.length < 20, `${packs.length} packs`);
  assert.equal(git(mirror.path, ["cat-file", "-t", left]), "commit");
  git(mirror.path, ["fsck", "--full"]);
});

test("the faults of old repositories do not keep them out", async () => {
  await using at = await place();
  const bare = `${at.repository}.git`;
  bareCopy(at.repository, bare);
  const access = accessTo(bare);
  const head = git(bare, ["cat-file", "-p", "HEAD"]);
  const odd = head.replace(/^committer .*$/m, "committer <> 99999999999999999999 +051800");
  const commit = git(bare, ["hash-object", "-t", "commit", "-w", "--stdin", "--literally"], { input: `${odd}\n` });
  git(bare, ["update-ref", "refs/heads/old", commit]);
  const mirror = await fetchMirror({ home: at.home, repositoryId: "repo_1", access }, never);
  assert.equal(refsOf(mirror.path), refsOf(bare));
});
