import { gitText } from "./host-git.ts";
import { remoteTrouble } from "./remote-trouble.ts";
import { type Access, transportTo } from "./transport.ts";

/** What a remote repository has: its heads and tags by full name. `head`: the full name of its default branch, null = it stands on no branch. */
export type RemoteRefs = { refs: ReadonlyMap<string, string>; head: string | null; headCommit: string | null };

const ANSWER_MS = 60_000;

/** Asks the remote, without fetching anything. Throws UserError. */
export async function listRemote(access: Access, signal: AbortSignal): Promise<RemoteRefs> {
  const transport = await transportTo(access, signal);
  try {
    const args = ["ls-remote", "--quiet", "--symref", ...transport.uploadPack, "--", transport.url];
    const text = await gitText({ ...transport.call, gitDir: null, args, timeoutMs: ANSWER_MS, maxBytes: 512 * 1024 * 1024 }, signal);
    return readRefs(text);
  } catch (error) {
    throw signal.aborted ? error : remoteTrouble(error, access);
  }
}

/** Reads the output of `git ls-remote --symref`. A default branch that does not exist yet counts as none. */
export function readRefs(text: string): RemoteRefs {
  const refs = new Map<string, string>();
  let head: string | null = null;
  let headCommit: string | null = null;
  for (const line of text.split("\n")) {
    const [value = "", name = ""] = line.split("\t");
    if (name === "HEAD") {
      if (value.startsWith("ref: ")) head = value.slice(5);
      else headCommit = value;
    } else if (/^refs\/(heads|tags)\//.test(name) && !name.endsWith("^{}")) refs.set(name, value);
  }
  return { refs, head: head !== null && refs.has(head) ? head : null, headCommit };
}
