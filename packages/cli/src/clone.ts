import { cp, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { Failure } from "./failure.ts";
import { type GitResult, git, gitText, lastWords } from "./local-git.ts";

/** Settings of the user's repository that say how files lie on this disk. Nothing that names a program is among them. */
const DISK_SETTINGS = [
  "core.filemode",
  "core.symlinks",
  "core.ignorecase",
  "core.precomposeunicode",
  "core.autocrlf",
  "core.eol",
  "core.checkstat",
  "core.trustctime",
];

/**
 * The user's clone, seen through a git directory of our own, so that none of its settings, hooks, filters or merge drivers acts, whichever the patch would
 * choose by .gitattributes. Only its objects, its index and its files are shared.
 */
export type Clone = AsyncDisposable & {
  root: string;
  /** Objects made here are thrown away, unless `keep`. */
  git(args: readonly string[], options?: { index?: string; stdin?: Uint8Array; keep?: boolean }): Promise<GitResult>;
  /** The index that the user sees. */
  index: string;
  /** A copy of it, or an empty one, for trying out. */
  scratchIndex(from: "copy" | "empty"): Promise<string>;
};

/** Throws Failure where `cwd` is in no clone with files. */
export async function openClone(cwd: string): Promise<Clone> {
  const top = await git(["rev-parse", "--show-toplevel"], { cwd });
  if (top.code !== 0)
    throw new Failure(`${cwd} is in no git repository with files: go into a clone of the task's repository\n(${lastWords(top.stderr)})`);
  const root = top.stdout.toString("utf8").replace(/\n$/, "");
  const ask = (words: string, ...args: string[]) => gitText(words, args, { cwd: root });
  const objects = resolve(root, await ask("its objects were not found", "rev-parse", "--git-path", "objects"));
  const index = resolve(root, await ask("its index was not found", "rev-parse", "--git-path", "index"));
  const format = await ask("its object format was not found", "rev-parse", "--show-object-format");
  const gitDir = await mkdtemp(join(tmpdir(), "farhand-apply-"));
  try {
    await makeGitDir(gitDir, format, await diskSettings(root));
    for (const name of await readdir(dirname(index))) {
      if (name.startsWith("sharedindex.")) await symlink(join(dirname(index), name), join(gitDir, name)); // the larger half of a split index
    }
  } catch (error) {
    await rm(gitDir, { recursive: true, force: true });
    throw error;
  }
  let scratch = 0;
  return {
    root,
    index,
    git: (args, options = {}) =>
      git(args, {
        cwd: root,
        variables: {
          GIT_DIR: gitDir,
          GIT_WORK_TREE: root,
          GIT_INDEX_FILE: options.index ?? index,
          GIT_OBJECT_DIRECTORY: options.keep ? objects : join(gitDir, "objects"),
          ...(options.keep ? {} : { GIT_ALTERNATE_OBJECT_DIRECTORIES: alternate(objects) }),
          GIT_CONFIG_NOSYSTEM: "1",
          GIT_CONFIG_GLOBAL: "/dev/null",
          GIT_ATTR_NOSYSTEM: "1",
          GIT_NO_REPLACE_OBJECTS: "1",
        },
        ...(options.stdin ? { stdin: options.stdin } : {}),
      }),
    async scratchIndex(from) {
      const file = join(gitDir, `scratch-${++scratch}`);
      if (from === "copy")
        await cp(index, file).catch((error: NodeJS.ErrnoException) => (error.code === "ENOENT" ? undefined : Promise.reject(error)));
      return file;
    },
    [Symbol.asyncDispose]: () => rm(gitDir, { recursive: true, force: true }),
  };
}

/** A path in git's list of alternates: quoted, since it may hold a colon. */
function alternate(path: string): string {
  return `"${path.replace(/["\\]/g, "\\$&")}"`;
}

async function makeGitDir(gitDir: string, format: string, settings: Map<string, string>): Promise<void> {
  for (const name of ["objects", "refs", "info"]) await mkdir(join(gitDir, name));
  await writeFile(join(gitDir, "HEAD"), "ref: refs/heads/none\n");
  const lines = [
    "[core]",
    "\trepositoryformatversion = 1",
    "\tbare = false",
    "\tprotectHFS = true",
    "\tprotectNTFS = true",
    "\tsplitIndex = false",
  ];
  for (const [name, value] of settings) lines.push(`\t${name.slice("core.".length)} = ${value}`);
  lines.push("\thooksPath = /dev/null", "\tattributesFile = /dev/null", "\texcludesFile = /dev/null", "\tfsmonitor = false");
  lines.push("[extensions]", `\tobjectFormat = ${format === "sha256" ? "sha256" : "sha1"}`);
  await writeFile(join(gitDir, "config"), `${lines.join("\n")}\n`);
}

async function diskSettings(root: string): Promise<Map<string, string>> {
  const settings = new Map<string, string>();
  const { stdout } = await git(["config", "--null", "--get-regexp", "^core\\."], { cwd: root });
  for (const entry of stdout.toString("utf8").split("\0")) {
    const [name = "", value = "true"] = entry.split("\n");
    if (DISK_SETTINGS.includes(name) && /^[a-z0-9]+$/i.test(value)) settings.set(name, value);
  }
  return settings;
}

/** What a clone is called in a message. */
export function cloneName(clone: Clone): string {
  return basename(clone.root);
}
