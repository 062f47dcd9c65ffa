import { spawn } from "node:child_process";
import { pipeline } from "node:stream/promises";

/** Runs a host command to its end and returns what it printed. Throws with its error output when it fails. */
export function command(
  argv: readonly [string, ...string[]],
  signal: AbortSignal,
  stdin: string | AsyncIterable<string> | Iterable<Uint8Array> = "",
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
    pipeline(typeof stdin === "string" ? [stdin] : stdin, child.stdin).catch(() => {}); // a command that does not read to the end says so by its exit
  });
}

/** Is the program there and does it answer? */
export function installed(program: string, signal: AbortSignal): Promise<boolean> {
  return command([program, "--version"], signal).then(
    () => true,
    () => false,
  );
}
