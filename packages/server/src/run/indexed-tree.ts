import type { Sandbox } from "../sandbox/sandbox.ts";
import { CommandFailed, privateGit, runInSandbox, type SandboxCommand, type TreePlace } from "./sandbox-git.ts";

/** The mode of a link to a commit of another repository. */
export const GITLINK = "160000";

/** git on the tree, through our own Git directory. */
export type Git = (args: string[], more?: Partial<SandboxCommand>) => Promise<Buffer>;

export function gitOn(sandbox: Sandbox, place: TreePlace, signal: AbortSignal): Git {
  return (args, more = {}) => runInSandbox(sandbox, { ...privateGit(place, ...args), ...more }, signal);
}

/**
 * Brings our own index to what the working tree holds, except ignored files that neither the base nor the agent's own index has. Returns the paths
 * that are not in it, one character per byte: Git repositories within the tree, and what could not be read. Throws SandboxLost, CommandFailed.
 */
export async function indexTree(git: Git, place: TreePlace, base: string): Promise<string[]> {
  const untaken = await addAll(git);
  await followAgentsIndex(git, place);
  return [...untaken, ...(await dropNewRepositories(git, base))];
}

/** Brings the index to what the tree holds. Returns what could not be taken in. */
async function addAll(git: Git): Promise<string[]> {
  try {
    await git(["add", "--all", "--ignore-errors", "--", "."]);
    return [];
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    if (/not a git repository/.test(error.stderr))
      throw new Error("/workspace/.farhand, by which the change is collected, was removed or damaged in the sandbox");
    const untaken = fieldsOf(await git(["ls-files", "-z", "--others", "--exclude-standard", "--directory", "--no-empty-directory"]));
    const changed = fieldsOf(await git(["diff-files", "-z", "--name-only"]));
    if (untaken.length + changed.length === 0) throw error;
    return [...untaken, ...changed];
  }
}

/** Ignored files follow the agent's own index: added there by force, they arrive; taken out of it, they go. An unreadable index changes nothing. */
async function followAgentsIndex(git: Git, place: TreePlace): Promise<void> {
  const variables = { GIT_INDEX_FILE: `${place.path}/.git/index` };
  const ignored = ["ls-files", "-z", "--cached", "--ignored", "--exclude-standard"];
  try {
    const forced = fieldsOf(await git([...ignored, "--stage"], { variables }));
    const added = forced.filter((entry) => !entry.startsWith(GITLINK)).map((entry) => entry.slice(entry.indexOf("\t") + 1));
    if (added.length > 0) await git(["update-index", "--add", "--remove", "-z", "--stdin"], { stdin: joined(added) });
    const ours = fieldsOf(await git(ignored));
    if (ours.length === 0) return; // as nearly always, and then the agent's whole index need not be listed
    const all = new Set(fieldsOf(await git(["ls-files", "-z", "--cached"], { variables })));
    const dropped = all.size === 0 ? [] : ours.filter((path) => !all.has(path));
    if (dropped.length > 0) await git(["update-index", "--force-remove", "-z", "--stdin"], { stdin: joined(dropped) });
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
  }
}

/** A repository that the agent made or cloned within the tree would become a link to a commit that nobody has. */
async function dropNewRepositories(git: Git, base: string): Promise<string[]> {
  const fields = fieldsOf(await git(["diff-index", "--cached", "--raw", "-z", "--no-renames", base]));
  const links: string[] = [];
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const [before = "", after = ""] = (fields[at] as string).slice(1).split(" ");
    if (after === GITLINK && before !== GITLINK) links.push(fields[at + 1] as string);
  }
  if (links.length > 0) await git(["update-index", "--force-remove", "-z", "--stdin"], { stdin: joined(links) });
  return links;
}

/** One character per byte, so that a path that is no UTF-8 goes back to git as it came. */
export function fieldsOf(bytes: Buffer): string[] {
  return bytes.toString("latin1").split("\0").slice(0, -1);
}

function joined(paths: readonly string[]): Buffer {
  return Buffer.from(paths.map((path) => `${path}\0`).join(""), "latin1");
}
