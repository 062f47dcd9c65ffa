import type { DiffStats } from "@farhand/protocol";
import type { Sandbox } from "../sandbox/sandbox.ts";
import { fieldsOf, GITLINK, type Git, gitOn, indexTree } from "./indexed-tree.ts";
import { privateGit, runInSandbox, type SandboxCommand, treePlace } from "./sandbox-git.ts";

export type Collected =
  /** `leftOut`: paths that are not in the patch: Git repositories within the tree, and what could not be read. */
  | { kind: "patch"; patch: Uint8Array; stats: DiffStats; leftOut: string[] }
  /** `bytes`: at least so many; counting stops far above the limit. */
  | { kind: "too-large"; bytes: number; limitBytes: number; stats: DiffStats; leftOut: string[] };

const MiB = 1024 * 1024;
/** A larger file would have to fit into git's memory, here and on the host, to be part of a patch. */
const MAX_FILE_BYTES = 512 * MiB;
const STOP_COUNTING = 4;
const MAX_NAMES = 1000;

/**
 * The agent's whole change since `base`, committed or not: what the working tree holds, except ignored files that neither the base nor the
 * agent's own index has. An empty patch is a valid answer. The patch is as `git apply --binary` takes it. Throws SandboxLost, CommandFailed.
 */
export async function collectPatch(
  sandbox: Sandbox,
  from: { folder: string; base: string },
  limits: { maxBytes: number },
  signal: AbortSignal,
): Promise<Collected> {
  const place = treePlace(from.folder);
  const git = gitOn(sandbox, place, signal);
  const leftOut = (await indexTree(git, place, from.base)).map(shownPath).slice(0, MAX_NAMES);
  const diff = ["diff-index", "--cached", "-M", "--no-ext-diff", "--no-textconv"];
  const large = await largestNewFile(git, from.base);
  const stats = large > MAX_FILE_BYTES ? null : readStats(await git([...diff, "--numstat", "-z", from.base]));
  if (!stats) {
    const files = fieldsOf(await git(["diff-index", "--cached", "--name-only", "-z", from.base])).length;
    return { kind: "too-large", bytes: large, limitBytes: limits.maxBytes, stats: { files, added: 0, removed: 0 }, leftOut };
  }
  const args = [...diff, "--patch", "--binary", "--full-index", "--src-prefix=a/", "--dst-prefix=b/", from.base];
  const { bytes, patch } = await readUpTo(sandbox, { ...privateGit(place, ...args) }, limits.maxBytes, signal);
  if (!patch) return { kind: "too-large", bytes, limitBytes: limits.maxBytes, stats, leftOut };
  return { kind: "patch", patch, stats, leftOut };
}

async function largestNewFile(git: Git, base: string): Promise<number> {
  const fields = fieldsOf(await git(["diff-index", "--cached", "--raw", "-z", "--no-renames", "--no-abbrev", "--diff-filter=d", base]));
  const ids = fields.filter((_, index) => index % 2 === 0).map((meta) => meta.split(" "));
  const blobs = ids.filter(([, mode]) => mode !== GITLINK).map(([, , , id]) => `${id}\n`);
  if (blobs.length === 0) return 0;
  const sizes = (await git(["cat-file", "--batch-check=%(objectsize)"], { stdin: Buffer.from(blobs.join("")) })).toString();
  return sizes
    .split("\n")
    .filter(Boolean)
    .reduce((largest, size) => Math.max(largest, Number(size)), 0);
}

/** Reads `git diff-index --numstat -z`: binary files have no lines; a rename has its two paths in fields of their own. */
export function readStats(numstat: Buffer): DiffStats {
  const stats = { files: 0, added: 0, removed: 0 };
  const fields = fieldsOf(numstat);
  for (let at = 0; at < fields.length; at++) {
    const [added = "", removed = "", path] = (fields[at] as string).split("\t");
    if (path === "") at += 2;
    stats.files += 1;
    stats.added += Number(added) || 0;
    stats.removed += Number(removed) || 0;
  }
  return stats;
}

async function readUpTo(
  sandbox: Sandbox,
  command: SandboxCommand,
  limit: number,
  signal: AbortSignal,
): Promise<{ bytes: number; patch: Uint8Array | null }> {
  const enough = new AbortController();
  let chunks: Uint8Array[] = [];
  let bytes = 0;
  const onOutput = (chunk: Uint8Array) => {
    bytes += chunk.length;
    if (bytes <= limit) chunks.push(Uint8Array.from(chunk));
    else chunks = [];
    if (bytes > limit * STOP_COUNTING) enough.abort(new Error("far over the limit"));
  };
  try {
    await runInSandbox(sandbox, { ...command, onOutput }, AbortSignal.any([signal, enough.signal]));
  } catch (error) {
    if (!enough.signal.aborted || signal.aborted) throw error;
  }
  return { bytes, patch: bytes <= limit ? Buffer.concat(chunks) : null };
}

/** For people: without control characters. */
function shownPath(path: string): string {
  return Buffer.from(path, "latin1")
    .toString("utf8")
    .replace(/[\x00-\x1f\x7f-\x9f]/g, "?");
}
