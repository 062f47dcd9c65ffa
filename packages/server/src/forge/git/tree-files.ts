import { GitError, runGit } from "./host-git.ts";
import { type Mirror, reading } from "./mirror.ts";

/** A file that git keeps at a commit; `id` names its content. Links and submodules are none. */
export type KeptFile = { path: string; id: string; bytes: number };

const MOST_BYTES = 16 * 1024 * 1024;

/** The files at these paths, and the folders; a path that ends with a slash stands for what is in that folder, none for the root. What is not there is left out. */
export async function filesAt(
  mirror: Mirror,
  commit: string,
  paths: readonly string[],
  signal: AbortSignal,
): Promise<{ files: KeptFile[]; folders: string[] }> {
  const args = ["ls-tree", "-z", "-l", "--full-tree", commit, "--", ...paths];
  const call = { gitDir: mirror.path, args, variables: { GIT_LITERAL_PATHSPECS: "1" }, maxBytes: MOST_BYTES };
  const lines = (await reading(mirror, () => runGit(call, signal))).toString("utf8").split("\0").filter(Boolean);
  const files: KeptFile[] = [];
  const folders: string[] = [];
  for (const line of lines) {
    const [, mode, type, id, size, path] = /^(\d+) (\w+) ([0-9a-f]+) +(\d+|-)\t(.+)$/s.exec(line) ?? [];
    if (path === undefined || id === undefined) continue;
    if (type === "tree") folders.push(path);
    else if (type === "blob" && mode !== "120000") files.push({ path, id, bytes: Number(size) });
  }
  return { files, folders };
}

/** The whole content; null where it is larger than that. */
export async function contentOf(mirror: Mirror, file: KeptFile, maxBytes: number, signal: AbortSignal): Promise<string | null> {
  if (file.bytes > maxBytes) return null;
  const call = { gitDir: mirror.path, args: ["cat-file", "blob", file.id], maxBytes };
  return (await reading(mirror, () => runGit(call, signal))).toString("utf8");
}

/** The path of every file at a commit, of which there may be very many: of a tree too large to list, null. */
export async function everyPath(mirror: Mirror, commit: string, signal: AbortSignal): Promise<string[] | null> {
  const args = ["ls-tree", "-r", "-z", "--full-tree", "--name-only", commit];
  try {
    const listed = await reading(mirror, () => runGit({ gitDir: mirror.path, args, maxBytes: MOST_BYTES }, signal));
    return listed.toString("utf8").split("\0").filter(Boolean);
  } catch (error) {
    if (error instanceof GitError && error.kind === "too-much-output") return null;
    throw error;
  }
}
