import { spawn } from "node:child_process";

/** Runs a host command to its end and returns what it printed. Throws with its error output when it fails. */
export function command(
  argv: readonly [string, ...string[]],
  signal: AbortSignal,
  stdin: string | AsyncIterable<string> = "",
): Promise<string> {
  const [program, ...args] = argv;
  return new Promise((done, fail) => {
    const child = spawn(program, args, { signal, killSignal: "SIGKILL" });
    let out = "";
    let errors = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (errors = (errors + text).slice(-2_000)));
    child.on("error", fail);
    child.on("close", (code) => (code === 0 ? done(out) : fail(new Error(`${argv.join(" ")}: exit ${code}: ${errors.trim()}`))));
    child.stdin.on("error", () => {}); // it ended before it read everything: its exit code tells
    void feed(child.stdin, stdin).catch(fail);
  });
}

async function feed(input: NodeJS.WritableStream, text: string | AsyncIterable<string>): Promise<void> {
  for await (const part of typeof text === "string" ? [text] : text) {
    if (!input.write(part)) await new Promise((done) => input.once("drain", done).once("close", done));
  }
  input.end();
}

/** Is the program there and does it answer? */
export function installed(program: string, signal: AbortSignal): Promise<boolean> {
  return command([program, "--version"], signal).then(
    () => true,
    () => false,
  );
}
