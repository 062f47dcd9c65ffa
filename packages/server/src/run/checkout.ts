import { UserError } from "../domain/user-error.ts";
import type { Mirror } from "../forge/git/mirror.ts";
import { packOf, type Tag, tagsOf } from "../forge/git/pack.ts";
import { nameOf } from "../forge/git/repository.ts";
import type { Sandbox } from "../sandbox/sandbox.ts";
import { CommandFailed, privateGit, runInSandbox, type SandboxCommand, type TreePlace, treePlace } from "./sandbox-git.ts";

type Author = { name: string; email: string };

export type TreeWish = {
  /** Full id of a commit in the mirror. */
  commit: string;
  /** Where the tree is to be: an absolute path in the sandbox, such as /workspace/shop. */
  folder: string;
  /** The commit that the sandbox' tree layer was made at by this function; null = there is no tree yet. */
  layerCommit: string | null;
  /** Whom commits of the agent name, if it makes any. Absent: as in the layer, or else Farhand. */
  author?: Author;
  /** Told in words how far it is. */
  onProgress?: (text: string) => void;
};

const MB = 1_000_000;
const NOBODY: Author = { name: "Farhand", email: "farhand@localhost" };
const WORK = "refs/heads/work";

/**
 * Makes the working tree in the sandbox: branch `work` at the commit, with its history and tags, no remote and no credentials. git runs inside
 * only, fed with a pack from the mirror. On a layer of another commit it brings in the difference; on one of the same commit it changes nothing
 * but the author, if one is given. Beside the tree it leaves our own Git directory for collectPatch. Throws UserError, SandboxLost, or what packOf throws.
 */
export async function makeTree(sandbox: Sandbox, mirror: Mirror, wish: TreeWish, signal: AbortSignal): Promise<TreePlace> {
  const place = treePlace(wish.folder);
  try {
    return await bringTree(sandbox, mirror, place, wish, signal);
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    throw new UserError("invalid", `${nameOf(mirror.repository)} could not be checked out: ${error.message}`, { cause: error });
  }
}

async function bringTree(sandbox: Sandbox, mirror: Mirror, place: TreePlace, wish: TreeWish, signal: AbortSignal): Promise<TreePlace> {
  if (wish.layerCommit !== wish.commit) {
    if (wish.layerCommit === null) await makeEmpty(sandbox, place, wish.commit.length === 64, signal);
    const tags = await tagsOf(mirror, wish.commit, signal);
    await sendHistory(sandbox, mirror, place, wish, tags, signal);
    await checkOut(sandbox, place, wish, signal);
    await pointBranch(sandbox, place, wish.commit, tags, signal);
  }
  if (wish.author || wish.layerCommit === null) await nameAuthor(sandbox, place, wish.author ?? NOBODY, signal);
  return place;
}

/**
 * After setup: files that git tracks, branch, index and tags are again as the commit has them, and what setup added besides is not taken for the
 * agent's change, neither by collectPatch nor by the agent's own git.
 */
export async function settleTree(sandbox: Sandbox, mirror: Mirror, wish: TreeWish, signal: AbortSignal): Promise<void> {
  const place = treePlace(wish.folder);
  try {
    await checkOut(sandbox, place, wish, signal);
    await pointBranch(sandbox, place, wish.commit, await tagsOf(mirror, wish.commit, signal), signal);
    const list = privateGit(place, "ls-files", "-z", "--others", "--exclude-standard", "--directory", "--no-empty-directory");
    const paths = (await runInSandbox(sandbox, list, signal)).toString("latin1").split("\0").filter(Boolean);
    const patterns = Buffer.from(paths.map(excludePattern).join(""), "latin1");
    for (const git of [place.privateGit, `${place.path}/.git`]) {
      const argv: SandboxCommand["argv"] = ["sh", "-c", 'mkdir -p "$0" && cat >> "$0/exclude"', `${git}/info`];
      await runInSandbox(sandbox, { name: "exclude", argv, cwd: "/", stdin: patterns }, signal);
    }
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    throw new UserError("invalid", `the working tree could not be put in order after setup: ${error.message}`, { cause: error });
  }
}

/** A line of git's exclude file for one path; none can name a path with a line break. */
function excludePattern(path: string): string {
  if (/[\n\r]/.test(path)) return "";
  return `/${path.replace(/[\\*?[\]!# ]/g, "\\$&")}\n`;
}

async function makeEmpty(sandbox: Sandbox, place: TreePlace, sha256: boolean, signal: AbortSignal): Promise<void> {
  const init = ["init", "--quiet", "--template=", `--object-format=${sha256 ? "sha256" : "sha1"}`];
  await runInSandbox(
    sandbox,
    { argv: ["mkdir", "-p", "--", place.privateGit, `${place.path}/.git/info`, `${place.path}/.git/hooks`], cwd: "/" },
    signal,
  );
  await runInSandbox(sandbox, { argv: ["git", ...init, "--bare", "--", place.privateGit], cwd: "/" }, signal);
  await runInSandbox(sandbox, { argv: ["git", ...init, "--initial-branch=work", "--", place.path], cwd: "/" }, signal);
}

/** The pack goes into our own Git directory and, as a second name of the same file, into the agent's: whatever that does to its own, ours stays. */
async function sendHistory(
  sandbox: Sandbox,
  mirror: Mirror,
  place: TreePlace,
  wish: TreeWish,
  tags: readonly Tag[],
  signal: AbortSignal,
): Promise<void> {
  const have = wish.layerCommit === null ? [] : [wish.layerCommit];
  await takePack(sandbox, place, counted(packOf(mirror, { commit: wish.commit, tags, have }, signal), wish.onProgress), signal);
}

/** Takes a pack into both Git directories. It may lean on what is in them. */
export async function takePack(sandbox: Sandbox, place: TreePlace, pack: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void> {
  const name = (
    await runInSandbox(sandbox, { ...privateGit(place, "index-pack", "--stdin", "--fix-thin"), stdin: pack }, signal)
  ).toString();
  const hash = /^(?:pack|keep)\t([0-9a-f]+)\n$/.exec(name)?.[1];
  if (!hash) throw new Error("git index-pack did not name its pack");
  const from = `${place.privateGit}/objects/pack/pack-${hash}`;
  const argv: SandboxCommand["argv"] = ["ln", "--force", "--", `${from}.pack`, `${from}.idx`, `${place.path}/.git/objects/pack/`];
  await runInSandbox(sandbox, { argv, cwd: "/" }, signal);
}

async function* counted(pack: AsyncIterable<Uint8Array>, onProgress: TreeWish["onProgress"]): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  let told = 0;
  for await (const chunk of pack) {
    yield chunk;
    bytes += chunk.length;
    if (bytes < told + 10 * MB) continue;
    told = bytes;
    onProgress?.(`history: ${Math.round(bytes / MB)} MB`);
  }
}

/** Makes files and both indexes what a commit or a tree of our own Git directory has. */
export async function checkOut(
  sandbox: Sandbox,
  place: TreePlace,
  wish: Pick<TreeWish, "commit" | "onProgress">,
  signal: AbortSignal,
): Promise<void> {
  let told = "";
  const onError = (text: string) => {
    const percent = [...text.matchAll(/Updating files:\s+(\d+)%/g)].at(-1)?.[1];
    if (!percent || percent === told) return;
    told = percent;
    wish.onProgress?.(`files: ${percent} %`);
  };
  await runInSandbox(sandbox, { ...privateGit(place, "read-tree", "-v", "--reset", "-u", wish.commit), onError }, signal);
  // The same index for the agent: its stat data is valid there too, so that its first `git status` is quick.
  await runInSandbox(sandbox, { argv: ["cp", "--", `${place.privateGit}/index`, `${place.path}/.git/index`], cwd: "/" }, signal);
}

/**
 * Says that our own index holds as of now: only where nothing has run since `makeTree`. git reads every file again that is not older than its index, by the
 * second, and of a large tree those are thousands.
 */
export async function ageIndex(sandbox: Sandbox, place: TreePlace, signal: AbortSignal): Promise<void> {
  await runInSandbox(sandbox, { argv: ["touch", "--", `${place.privateGit}/index`], cwd: "/" }, signal);
}

async function pointBranch(sandbox: Sandbox, place: TreePlace, commit: string, tags: readonly Tag[], signal: AbortSignal): Promise<void> {
  const lines = tags.map((tag) => `${tag.id} refs/tags/${tag.name}\n`);
  const packed: SandboxCommand = {
    argv: ["dd", "status=none", `of=${place.path}/.git/packed-refs`],
    cwd: "/",
    stdin: Buffer.from(`# pack-refs with:\n${lines.join("")}`),
  };
  await runInSandbox(sandbox, packed, signal);
  const git: SandboxCommand["argv"] = [
    "git",
    `--git-dir=${place.path}/.git`,
    "-c",
    "core.hooksPath=/dev/null",
    "-c",
    "core.logAllRefUpdates=false",
  ];
  await runInSandbox(sandbox, { argv: [...git, "update-ref", WORK, commit], cwd: place.path }, signal);
  await runInSandbox(sandbox, { argv: [...git, "symbolic-ref", "HEAD", WORK], cwd: place.path }, signal);
}

async function nameAuthor(sandbox: Sandbox, place: TreePlace, author: Author, signal: AbortSignal): Promise<void> {
  const clean = (text: string) => text.replace(/[\x00-\x1f\x7f]/g, "");
  const script = 'git config --file "$0" user.name "$1" && git config --file "$0" user.email "$2"';
  const argv: SandboxCommand["argv"] = ["sh", "-c", script, `${place.path}/.git/config`, clean(author.name), clean(author.email)];
  await runInSandbox(sandbox, { name: "git config", argv, cwd: "/" }, signal);
}
