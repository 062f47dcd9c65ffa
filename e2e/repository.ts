import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { run } from "./service.ts";

/** A repository of its own with one commit on `main`. */
export interface Repository extends AsyncDisposable {
  readonly path: string;
  /** Standard output of git, trimmed. Throws on a nonzero exit. */
  git(...args: string[]): Promise<string>;
}

export async function makeRepository(files: Readonly<Record<string, string>> = { "README.md": "# Shop\n" }): Promise<Repository> {
  const path = await mkdtemp(join(tmpdir(), "farhand-repository-"));
  const git = async (...args: string[]) => {
    const identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false"];
    const ran = await run("git", ["-C", path, ...identity, ...args]);
    if (ran.code !== 0) throw new Error(`git ${args.join(" ")}: ${ran.stderr}`);
    return ran.stdout.trim();
  };
  await git("init", "--quiet", "--initial-branch=main");
  await git("config", "gc.auto", "0"); // it would go on in the background while the folder is removed
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(path, name)), { recursive: true });
    await writeFile(join(path, name), text);
  }
  await git("add", "--all");
  await git("commit", "--quiet", "--allow-empty", "--message=Begin");
  return { path, git, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** A prompt for the model `script`. */
export function script(...blocks: readonly string[]): string {
  return ["Do it", ...blocks.map((block) => `\`\`\`sh\n${block}\n\`\`\``)].join("\n\n");
}
