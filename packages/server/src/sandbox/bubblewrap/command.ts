import { spawn } from "node:child_process";

export const HOST_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** `output` is what it printed nevertheless. */
export class CommandFailed extends Error {
  override readonly name = "CommandFailed";
  readonly output: string;
  constructor(message: string, output: string) {
    super(message);
    this.output = output;
  }
}

/** Runs a host program to its end and returns the end of what it printed. Throws CommandFailed with the end of what it complained. */
export async function command(name: string, args: readonly string[]): Promise<string> {
  const child = spawn(name, args, { stdio: ["ignore", "pipe", "pipe"], env: { PATH: HOST_PATH, LC_ALL: "C" } });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  });
  let output = "";
  let errors = "";
  // Where no descriptors are left there are no streams, and the error comes in a moment.
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    output = (output + text).slice(-65_536);
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    errors = (errors + text).slice(-2000);
  });
  const code = await ended;
  if (code !== 0) throw new CommandFailed(`${name} failed: ${errors.trim() || `exit code ${code}`}`, output);
  return output;
}
