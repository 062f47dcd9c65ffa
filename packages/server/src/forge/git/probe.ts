import { UserError } from "../../domain/user-error.ts";
import { listRemote } from "./remote-refs.ts";
import { nameOf } from "./repository.ts";
import { listBranches } from "./resolve-ref.ts";
import type { Access } from "./transport.ts";

/**
 * A cheap look at a repository, before an environment is made of it. Throws UserError if it cannot be used so: no such repository, no right,
 * empty, or no branch or tag of that name. What looks like a commit id is believed. `defaultBranch` is a commit where the repository stands on no branch.
 */
export async function probe(access: Access, ref: string | null, signal: AbortSignal): Promise<{ defaultBranch: string }> {
  const name = nameOf(access.repository);
  const remote = await listRemote(access, signal);
  if (remote.refs.size === 0) throw new UserError("invalid", `${name} is empty: push a first commit to it.`);
  const branches = [...remote.refs.keys()].filter((one) => one.startsWith("refs/heads/")).map((one) => one.slice("refs/heads/".length));
  if (
    ref !== null &&
    !/^[0-9a-f]{7,64}$/.test(ref) &&
    ![ref, `refs/heads/${ref}`, `refs/tags/${ref}`].some((one) => remote.refs.has(one))
  ) {
    throw new UserError("not-found", `There is no branch or tag ${ref} in ${name}. ${listBranches(branches)}`);
  }
  const defaultBranch = remote.head?.slice("refs/heads/".length) ?? remote.headCommit;
  if (defaultBranch === null && ref === null)
    throw new UserError("not-found", `${name} has no default branch: name a branch. ${listBranches(branches)}`);
  return { defaultBranch: defaultBranch ?? (ref as string) };
}
