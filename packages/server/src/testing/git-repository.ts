import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

const ENVIRONMENT = {
  PATH: process.env.PATH,
  HOME: "/nonexistent",
  LC_ALL: "C",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_AUTHOR_NAME: "Ada",
  GIT_AUTHOR_EMAIL: "ada@example.org",
  GIT_COMMITTER_NAME: "Ada",
  GIT_COMMITTER_EMAIL: "ada@example.org",
};

/** A new folder that is removed with all in it. */
export async function testFolder(): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), "farhand-test-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true, maxRetries: 3 }) };
}

/** Runs git as a user would, in a folder, and returns what it prints. Throws if it fails. */
export function git(
  folder: string,
  args: readonly string[],
  options: { input?: string | Uint8Array; variables?: Record<string, string> } = {},
): string {
  const run = {
    cwd: folder,
    env: { ...ENVIRONMENT, ...options.variables },
    maxBuffer: 1024 ** 3,
    timeout: 60_000,
    stdio: ["pipe", "pipe", "pipe"] as const,
  };
  return execFileSync("git", args, { ...run, stdio: [...run.stdio], input: options.input ?? "" })
    .toString("utf8")
    .trimEnd();
}

/** A repository with a working tree and one commit of these files on `main`. Returns the commit. */
export function makeRepository(path: string, files: Record<string, string | Uint8Array> = { "README.md": "hello\n" }): string {
  mkdirSync(path, { recursive: true });
  git(path, ["init", "--quiet", "--initial-branch=main"]);
  return commitFiles(path, files);
}

/** Writes the files, adds all, commits. Returns the commit. */
export function commitFiles(path: string, files: Record<string, string | Uint8Array>, message = "A change"): string {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, name), content);
  }
  git(path, ["add", "--all"]);
  git(path, ["commit", "--quiet", "--allow-empty", "--message", message]);
  return git(path, ["rev-parse", "HEAD"]);
}

/** A bare copy, as on a code host. */
export function bareCopy(from: string, to: string): void {
  git("/", ["clone", "--quiet", "--bare", "--no-hardlinks", from, to]);
}

/** A tree object made of raw entries, which may have names that git itself would never write. */
export function makeTreeObject(path: string, entries: readonly { mode: string; name: string | Uint8Array; id: string }[]): string {
  const raw = entries.map(({ mode, name, id }) =>
    Buffer.concat([Buffer.from(`${mode} `), Buffer.from(name), Buffer.from([0]), Buffer.from(id, "hex")]),
  );
  return git(path, ["hash-object", "-t", "tree", "-w", "--stdin", "--literally"], { input: Buffer.concat(raw) });
}

export function makeBlob(path: string, content: string | Uint8Array): string {
  return git(path, ["hash-object", "-w", "--stdin"], { input: content });
}
