import { spawn } from "node:child_process";
import { Failure } from "./failure.ts";

export type GitResult = { code: number; stdout: Buffer; stderr: string };

const MAX_STDOUT = 512 * 1024 * 1024;

/**
 * Runs git with a list of arguments. Variables that would point it at another repository are taken away, unless given in `variables`; no pager, no prompt,
 * words in English. A failing git is a value; throws Failure only where there is no git.
 */
export function git(
  args: readonly string[],
  options: { cwd: string; variables?: Record<string, string>; stdin?: Uint8Array },
): Promise<GitResult> {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("GIT_") || name === "GIT_EXEC_PATH");
  const env = { ...Object.fromEntries(inherited), LC_ALL: "C", GIT_TERMINAL_PROMPT: "0", GIT_OPTIONAL_LOCKS: "0", ...options.variables };
  return new Promise((resolve, reject) => {
    const child = spawn("git", args, { cwd: options.cwd, env, stdio: ["pipe", "pipe", "pipe"] });
    const stdout: Buffer[] = [];
    let size = 0;
    let stderr = "";
    child.stdout.on("data", (piece: Buffer) => {
      size += piece.length;
      if (size > MAX_STDOUT) child.kill();
      else stdout.push(piece);
    });
    child.stderr.on("data", (piece: Buffer) => {
      stderr = (stderr + piece.toString("utf8")).slice(-256 * 1024);
    });
    child.on("error", (error: NodeJS.ErrnoException) => {
      const words = error.code === "ENOENT" ? "git is not installed (or not in PATH)" : error.message;
      reject(new Failure(`git could not be started: ${words}`, undefined, { cause: error }));
    });
    child.on("close", (code) => resolve({ code: code ?? 128, stdout: Buffer.concat(stdout), stderr }));
    child.stdin.on("error", () => {}); // git may end before it has read all
    child.stdin.end(options.stdin ?? "");
  });
}

/** The output, as text without its last newline. Throws Failure with `words` and git's own where git fails. */
export async function gitText(words: string, args: readonly string[], options: Parameters<typeof git>[1]): Promise<string> {
  const { code, stdout, stderr } = await git(args, options);
  if (code !== 0) throw new Failure(`${words}: ${lastWords(stderr) || `git ended with ${code}`}`);
  return stdout.toString("utf8").replace(/\n$/, "");
}

export function lastWords(stderr: string): string {
  return stderr
    .split("\n")
    .filter((line) => line && !line.startsWith("hint: "))
    .slice(-5)
    .join("\n")
    .replace(/^(fatal|error): /gm, "");
}
