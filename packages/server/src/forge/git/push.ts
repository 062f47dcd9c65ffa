import { UserError } from "../../domain/user-error.ts";
import { type Committed, storeVariables } from "./commit.ts";
import { GitError, runGit } from "./host-git.ts";
import type { Mirror } from "./mirror.ts";
import { plainText } from "./plain-text.ts";
import { listRemote } from "./remote-refs.ts";
import { remoteTrouble } from "./remote-trouble.ts";
import { nameOf } from "./repository.ts";
import { type Access, transportTo } from "./transport.ts";

export type Push = {
  /** Short name, such as farhand/fix-4f2a. */
  branch: string;
  commit: Committed;
  /** What the branch must be at, as we last pushed it; null = it must not exist. A branch that is at our commit already counts as pushed. */
  expected: string | null;
};

/**
 * Puts the commit on the branch of the remote, but never over work of others: a branch that is not where we left it stays, and that is a
 * UserError "conflict". May be repeated.
 */
export async function pushBranch(mirror: Mirror, access: Access, push: Push, signal: AbortSignal): Promise<void> {
  const transport = await transportTo(access, signal);
  const ref = `refs/heads/${push.branch}`;
  const id = push.commit.commit;
  const args = ["push", "--quiet", "--no-verify", `--force-with-lease=${ref}:${push.expected ?? ""}`];
  const variables = { ...transport.call.variables, ...storeVariables(mirror, push.commit.objects) };
  const all = [...args, ...transport.receivePack, "--", transport.url, `${id}:${ref}`];
  try {
    await runGit({ ...transport.call, gitDir: mirror.path, args: all, variables }, signal);
  } catch (error) {
    if (signal.aborted || !(error instanceof GitError)) throw error;
    const remote = await listRemote(access, signal);
    const now = remote.refs.get(ref) ?? null;
    if (now === id) return;
    throw refusal(error, push, now, access);
  }
}

function refusal(error: GitError, push: Push, now: string | null, access: Access): unknown {
  const name = nameOf(access.repository);
  if (now !== push.expected) {
    const was = push.expected === null ? "did not exist" : `was at ${push.expected.slice(0, 12)}`;
    const is = now === null ? "is gone" : `is at ${now.slice(0, 12)}`;
    return new UserError(
      "conflict",
      `The branch ${push.branch} of ${name} ${was} when it was last looked at, and ${is} now: publish to a new branch.`,
      { cause: error },
    );
  }
  if (/checked out branch|branch is currently checked out/i.test(error.stderr)) {
    return new UserError("conflict", `${push.branch} is checked out in ${name}, so it cannot be pushed to: publish to a new branch.`, {
      cause: error,
    });
  }
  if (/\[remote rejected\]/.test(error.stderr) && !/unpacker error/.test(error.stderr)) {
    return new UserError("forbidden", `${name} refused the branch ${push.branch}: ${remoteWords(error.stderr)}`, { cause: error });
  }
  return remoteTrouble(error, access);
}

/** What the remote itself said, if it said anything. */
function remoteWords(stderr: string): string {
  const lines = stderr.split("\n");
  const said = lines.filter((line) => line.startsWith("remote: ")).map((line) => line.slice(8).trim());
  return plainText((said.length > 0 ? said : lines).join("\n")).slice(0, 500);
}
