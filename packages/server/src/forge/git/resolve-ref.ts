import { UserError } from "../../domain/user-error.ts";
import { GitError, gitText } from "./host-git.ts";
import { fetchCommit, headOf, type Mirror } from "./mirror.ts";
import { nameOf } from "./repository.ts";
import type { Access } from "./transport.ts";

/** `ref`: the short name of the branch or tag, or the commit itself. */
export type Resolved = { commit: string; ref: string };

const SHOWN_BRANCHES = 10;

/**
 * The commit that a branch, a tag, or a full or shortened commit id names, looked up in this order in a mirror just fetched; null = the default
 * branch. A full id that is on no branch is asked for at the remote. Throws UserError that names the branches there are.
 */
export async function resolveRef(mirror: Mirror, access: Access, ref: string | null, signal: AbortSignal): Promise<Resolved> {
  if (ref === null) {
    const head = ((await headOf(mirror)) ?? "").replace(/^refs\/heads\//, "");
    const commit = await commitOf(mirror, "HEAD", signal);
    if (!commit)
      throw new UserError(
        "not-found",
        `${nameOf(mirror.repository)} has no default branch: name a branch. ${await branchesInWords(mirror, signal)}`,
      );
    return { commit, ref: head.startsWith("refs/") ? commit : head };
  }
  const short = ref.replace(/^refs\/(heads|tags)\//, "");
  const places = ref === short ? ["refs/heads/", "refs/tags/"] : [ref.slice(0, -short.length)];
  for (const place of places) {
    const commit = await commitOf(mirror, `${place}${short}`, signal);
    if (commit) return { commit, ref: short };
  }
  if (/^[0-9a-f]{4,64}$/i.test(ref)) {
    const id = ref.toLowerCase();
    const isWhole = id.length === 40 || id.length === 64;
    const commit =
      (await commitOf(mirror, id, signal)) ??
      (isWhole && (await fetchCommit(mirror, access, id, signal)) ? await commitOf(mirror, id, signal) : null);
    if (commit) return { commit, ref: commit };
  }
  throw new UserError(
    "not-found",
    `There is no branch, tag or commit ${ref} in ${nameOf(mirror.repository)}. ${await branchesInWords(mirror, signal)}`,
  );
}

/** Whether a commit is `tip`, or came before it. */
export async function isReachedFrom(mirror: Mirror, tip: string, commit: string, signal: AbortSignal): Promise<boolean> {
  if (commit === tip) return true;
  try {
    await gitText({ gitDir: mirror.path, args: ["merge-base", "--is-ancestor", commit, tip] }, signal);
    return true;
  } catch (error) {
    if (error instanceof GitError && error.code === 1) return false;
    throw error;
  }
}

async function commitOf(mirror: Mirror, name: string, signal: AbortSignal): Promise<string | null> {
  try {
    return await gitText(
      { gitDir: mirror.path, args: ["rev-parse", "--verify", "--quiet", "--end-of-options", `${name}^{commit}`] },
      signal,
    );
  } catch (error) {
    if (error instanceof GitError && error.kind === "exit") return null;
    throw error;
  }
}

async function branchesInWords(mirror: Mirror, signal: AbortSignal): Promise<string> {
  const args = ["for-each-ref", "--format=%(refname:lstrip=2)", "--sort=-committerdate", "refs/heads"];
  const names = (await gitText({ gitDir: mirror.path, args }, signal)).split("\n").filter(Boolean);
  return listBranches(names);
}

/** "The branches are: a, b and 3 more." */
export function listBranches(names: readonly string[]): string {
  if (names.length === 0) return "It has no branches.";
  const more = names.length - SHOWN_BRANCHES;
  return `The branches are: ${names.slice(0, SHOWN_BRANCHES).join(", ")}${more > 0 ? ` and ${more} more` : ""}.`;
}
