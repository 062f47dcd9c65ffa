import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { storeVariables } from "./commit.ts";
import { type GitCall, GitError, gitText, streamGit } from "./host-git.ts";
import type { Mirror } from "./mirror.ts";

/** A pack may claim to unpack to any size: git then ends, not the host. */
const MEMORY_BYTES = 4 * 1024 ** 3;

/** Trees from a sandbox, in front of a mirror, which stays untouched. Nothing in it is checked out or executed. Disposal removes it. */
export interface TreeStore extends AsyncDisposable {
  /**
   * Takes a pack in, and returns the path of its file here; null = it had nothing in it. The pack must be sound and lean on nothing but the
   * mirror and what was taken in before. Throws GitError; then nothing of it is kept.
   */
  add(pack: AsyncIterable<Uint8Array>, maxBytes: number, signal: AbortSignal): Promise<string | null>;
  /** Whether it has this tree; with what `add` demands, then it has all that is in it. */
  has(tree: string, signal: AbortSignal): Promise<boolean>;
  /** One pack of all that is in the tree and not in the base. */
  packOf(tree: string, base: string, signal: AbortSignal): AsyncGenerator<Uint8Array, void, void>;
}

const folderOf = (home: string) => join(home, "checkpoints");

export async function openTreeStore(home: string, mirror: Mirror): Promise<TreeStore> {
  await mkdir(folderOf(home), { recursive: true, mode: 0o700 });
  const path = await mkdtemp(join(folderOf(home), "run-"));
  const objects = join(path, "objects");
  await mkdir(objects);
  const git = (args: string[], more: Partial<GitCall> = {}): GitCall => ({
    gitDir: mirror.path,
    args,
    variables: storeVariables(mirror, objects),
    through: ["prlimit", `--as=${MEMORY_BYTES}`],
    ...more,
  });
  return {
    async add(pack, maxBytes, signal) {
      const reader = pack[Symbol.asyncIterator]();
      const first = await reader.next();
      if (first.done) return null;
      const args = ["index-pack", "--stdin", "--strict", `--max-input-size=${maxBytes}`];
      const name = await gitText(git(args, { stdin: again(first.value, reader) }), signal);
      const hash = /^(?:pack|keep)\t([0-9a-f]+)$/.exec(name)?.[1];
      if (!hash) throw new Error("git index-pack did not name its pack");
      return join(objects, "pack", `pack-${hash}.pack`);
    },
    async has(tree, signal) {
      try {
        return (await gitText(git(["cat-file", "-t", "--", tree]), signal)) === "tree";
      } catch (error) {
        if (error instanceof GitError && error.kind === "exit") return false;
        throw error;
      }
    },
    packOf(tree, base, signal) {
      const stdin = Buffer.from(`${tree}\n^${base}^{tree}\n`);
      return streamGit(git(["pack-objects", "--quiet", "--revs", "--stdout", "--delta-base-offset"], { stdin }), signal);
    },
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  };
}

/** Removes what killed processes left. Only while no run of this home is under way. */
export async function removeTreeStores(home: string): Promise<void> {
  await rm(folderOf(home), { recursive: true, force: true });
}

async function* again(first: Uint8Array, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array, void, void> {
  yield first;
  try {
    for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
  } finally {
    await rest.return?.(); // git may not want all of it
  }
}
