import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { UserError } from "../../domain/user-error.ts";
import { type GitCall, GitError, gitText, runGit } from "./host-git.ts";
import { type Mirror, reading } from "./mirror.ts";

export type CommitDraft = {
  /** Full id of the commit that the patch was taken against; it must be in the mirror. */
  base: string;
  /** As collectPatch made it. Empty = a commit without a change. */
  patch: Uint8Array;
  message: string;
  author: { name: string; email: string };
  /** The same draft with the same date makes the same commit. */
  date: Date;
};

/** A commit in a store of its own in front of the mirror, which stays untouched. Disposal removes the store. */
export interface Committed extends AsyncDisposable {
  readonly commit: string;
  readonly tree: string;
  readonly base: string;
  /** Whether its tree differs from the base's. */
  readonly changed: boolean;
  /** The store, for pushBranch. */
  readonly objects: string;
}

/** A patch may claim to unpack to any size: git then ends, not the host. */
const MEMORY_BYTES = 6 * 1024 ** 3;

/**
 * Applies a patch from a sandbox to its base and commits it, with no working tree: a private index in a bare repository. So no hook, filter,
 * symlink or path of the patch can act on the host. Throws UserError if the patch cannot be applied or names a path that no repository may have.
 */
export async function commitPatch(mirror: Mirror, draft: CommitDraft, signal: AbortSignal): Promise<Committed> {
  const store = await makeStore(mirror);
  const dispose = () => rm(store, { recursive: true, force: true });
  try {
    const objects = join(store, "objects");
    await mkdir(objects);
    const variables = { GIT_INDEX_FILE: join(store, "index"), ...storeVariables(mirror, objects) };
    const git = (args: string[], more: Partial<GitCall> = {}) =>
      gitText({ gitDir: mirror.path, args, ...more, variables: { ...variables, ...more.variables } }, signal);
    return await reading(mirror, async () => {
      await git(["read-tree", draft.base]);
      const before = await git(["rev-parse", "--verify", `${draft.base}^{tree}`]);
      if (draft.patch.length > 0) await apply(draft.patch, mirror, variables, signal);
      const tree = await git(["write-tree"]);
      const commit = await git(["commit-tree", tree, "-p", draft.base], {
        stdin: Buffer.from(messageBytes(draft.message)),
        variables: identity(draft),
      });
      return { commit, tree, base: draft.base, changed: tree !== before, objects, [Symbol.asyncDispose]: dispose };
    });
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** What git must be told to see a store in front of the mirror. */
export function storeVariables(mirror: Mirror, objects: string): Record<string, string> {
  return { GIT_OBJECT_DIRECTORY: objects, GIT_ALTERNATE_OBJECT_DIRECTORIES: join(mirror.path, "objects") };
}

async function apply(patch: Uint8Array, mirror: Mirror, variables: Record<string, string>, signal: AbortSignal): Promise<void> {
  const args = ["apply", "--cached", "--binary", "--whitespace=nowarn", "-"];
  try {
    await runGit({ gitDir: mirror.path, args, variables, stdin: patch, through: ["prlimit", `--as=${MEMORY_BYTES}`] }, signal);
  } catch (error) {
    if (!(error instanceof GitError && error.kind === "exit")) throw error;
    throw new UserError("invalid", `The change cannot be turned into a commit: ${error.stderr.split("\n").slice(-3).join("; ")}`, {
      cause: error,
    });
  }
}

const storesOf = (home: string) => join(home, "commits");

/** Beside the mirrors, so on their disk. */
async function makeStore(mirror: Mirror): Promise<string> {
  const place = storesOf(dirname(dirname(mirror.path)));
  await mkdir(place, { recursive: true, mode: 0o700 });
  return mkdtemp(join(place, "commit-"));
}

/** Removes what killed processes left. Only while no publication of this home is under way. */
export async function removeCommitStores(home: string): Promise<void> {
  await rm(storesOf(home), { recursive: true, force: true });
}

function messageBytes(message: string): string {
  const clean = message
    .replace(/\r\n?/g, "\n")
    .replace(/[\x00-\x08\x0b-\x1f\x7f]/g, "")
    .trim();
  return `${clean || "Change"}\n`;
}

function identity(draft: CommitDraft): Record<string, string> {
  const clean = (text: string) => text.replace(/[\x00-\x1f\x7f<>]/g, "").trim();
  const email = clean(draft.author.email);
  const name = /[^\s.,:;"'\\]/.test(draft.author.name) ? clean(draft.author.name) : "";
  const date = `@${Math.floor(draft.date.getTime() / 1000)} +0000`;
  const who = { NAME: name || email.split("@")[0] || "Farhand", EMAIL: email, DATE: date };
  return Object.fromEntries(
    ["AUTHOR", "COMMITTER"].flatMap((role) => Object.entries(who).map(([key, value]) => [`GIT_${role}_${key}`, value])),
  );
}
