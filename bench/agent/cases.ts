import { readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { z } from "zod";

/** A task for an agent, with what shows afterwards whether it was done. A folder with the files named here. */
export type Case = {
  name: string;
  /** `case.json`. `needs`: programs that the sandbox must have. */
  about: z.infer<typeof About>;
  /** `prompt.md`. */
  prompt: string;
  /** `repository/`: what the agent finds, as one commit. */
  repository: File[];
  /** `check/`: what it never sees. Laid over its result; `sh check.sh` says by its exit whether the task is done. In mode `ask` over the
   * repository, with the answer as `answer.md`. */
  check: File[];
  /** `solution.patch`, or `solution.md` in mode `ask`: an example that passes, by which the check itself is tested. */
  solution: string;
};

export type File = { path: string; bytes: Buffer };

const About = z.strictObject({
  language: z.string(),
  kind: z.enum(["bug", "feature", "refactoring", "question"]),
  mode: z.enum(["code", "ask"]).default("code"),
  needs: z.array(z.string()),
});

/** The cases of a folder, by name. Throws where one is not complete. */
export async function readCases(folder: string): Promise<Case[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  return Promise.all(names.sort().map((name) => readCase(join(folder, name))));
}

async function readCase(folder: string): Promise<Case> {
  const text = (name: string) => readFile(join(folder, name), "utf8");
  const about = About.parse(JSON.parse(await text("case.json")));
  return {
    name: basename(folder),
    about,
    prompt: await text("prompt.md"),
    repository: await filesOf(join(folder, "repository")),
    check: await filesOf(join(folder, "check")),
    solution: await text(about.mode === "ask" ? "solution.md" : "solution.patch"),
  };
}

async function filesOf(folder: string): Promise<File[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Promise.all(paths.sort().map(async (path) => ({ path: path.slice(folder.length + 1), bytes: await readFile(path) })));
}
