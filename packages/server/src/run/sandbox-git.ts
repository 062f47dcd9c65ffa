import { basename, dirname } from "node:path/posix";
import type { Sandbox } from "../sandbox/sandbox.ts";

/** A working tree in a sandbox: `path` is where the agent works; `privateGit` is our own Git directory beside it, whose index no commands of the agent use. */
export type TreePlace = { path: string; privateGit: string };

const HOUR_MS = 3_600_000;
const STDERR_CHARACTERS = 16_384;
/** Lists of a million paths are shorter. Whoever controls the sandbox could print without end. */
const MOST_BYTES = 256 * 1024 * 1024;

/** Our own Git directory has none of the agent's settings; these stand firm even if somebody wrote into it. */
const CONFIG = [
  "core.hooksPath=/dev/null",
  "core.fsmonitor=false",
  "core.excludesFile=/dev/null",
  "core.attributesFile=/dev/null",
  "core.autocrlf=false",
  "core.fileMode=true",
  "core.symlinks=true",
  "core.ignoreCase=false",
  "core.sparseCheckout=false",
  "core.compression=1",
  "core.logAllRefUpdates=false",
  "checkout.workers=0",
  "advice.addEmbeddedRepo=false",
  "gc.auto=0",
].flatMap((setting) => ["-c", setting]);

/** Ours in a sandbox go by no variable of its environment or of setup. */
const VARIABLES: Readonly<Record<string, string>> = {
  PATH: "/usr/local/bin:/usr/bin:/bin",
  LC_ALL: "C",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_ATTR_NOSYSTEM: "1",
  GIT_TERMINAL_PROMPT: "0",
  GIT_NO_REPLACE_OBJECTS: "1",
  GIT_PROGRESS_DELAY: "0",
};

export type SandboxCommand = {
  /** What an error calls it, if not by its program. */
  name?: string;
  argv: readonly [string, ...string[]];
  cwd: string;
  variables?: Readonly<Record<string, string>>;
  stdin?: Uint8Array | AsyncIterable<Uint8Array>;
  /** Told of each piece of standard output, instead of it being returned. */
  onOutput?: (bytes: Uint8Array) => void;
  onError?: (text: string) => void;
};

/** A command of ours in the sandbox ended badly. `stderr` is hostile text. */
export class CommandFailed extends Error {
  override readonly name = "CommandFailed";
  readonly stderr: string;

  constructor(what: string, how: string, stderr: string) {
    super(`${what} ${how}${stderr ? `: ${stderr}` : ""}`);
    this.stderr = stderr;
  }
}

/** What belongs to the working tree at an absolute path in the sandbox. */
export function treePlace(path: string): TreePlace {
  return { path, privateGit: `${dirname(path)}/.farhand/${basename(path)}.git` };
}

/** Runs a command in the sandbox and returns its standard output. Throws CommandFailed, SandboxLost, or the signal's reason. */
export async function runInSandbox(sandbox: Sandbox, command: SandboxCommand, signal: AbortSignal): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let left = MOST_BYTES;
  for await (const bytes of streamFromSandbox(sandbox, command, signal)) {
    if (command.onOutput) {
      command.onOutput(bytes);
      continue;
    }
    chunks.push(bytes);
    left -= bytes.length;
    if (left < 0) throw new CommandFailed(command.name ?? command.argv[0], `printed more than ${MOST_BYTES / 1024 ** 2} MiB`, "");
  }
  return Buffer.concat(chunks);
}

/** runInSandbox, with standard output as it comes: a slow reader slows the command down, one that leaves early ends it. Throws after the last bytes. */
export async function* streamFromSandbox(
  sandbox: Sandbox,
  command: SandboxCommand,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, void> {
  signal.throwIfAborted();
  const left = new AbortController();
  const { argv, cwd, stdin, onError } = command;
  let stderr = "";
  const variables = { ...VARIABLES, ...command.variables };
  const execution = sandbox.exec(
    { argv, cwd, variables, timeoutMs: HOUR_MS, ...(stdin === undefined ? {} : { stdin }) },
    AbortSignal.any([signal, left.signal]),
  );
  let whole = false;
  try {
    for await (const { stream, bytes } of execution.output) {
      if (stream === "stdout") yield Uint8Array.from(bytes);
      else {
        const text = Buffer.from(bytes).toString("utf8");
        stderr = (stderr + text).slice(-STDERR_CHARACTERS);
        onError?.(text);
      }
    }
    whole = true;
  } finally {
    if (!whole) left.abort();
  }
  const exit = await execution.exit;
  if (exit.kind === "exited" && exit.code === 0) return;
  signal.throwIfAborted();
  const how = exit.kind === "exited" ? `ended with ${exit.code}` : exit.kind === "signalled" ? `was killed by ${exit.signal}` : exit.kind;
  throw new CommandFailed(command.name ?? argv[0], how, lastLines(stderr));
}

/** git on the tree through our own Git directory and its index. */
export function privateGit(place: TreePlace, ...args: string[]): Pick<SandboxCommand, "name" | "argv" | "cwd"> {
  return {
    name: `git ${args[0]}`,
    argv: ["git", `--git-dir=${place.privateGit}`, `--work-tree=${place.path}`, ...CONFIG, ...args],
    cwd: place.path,
  };
}

function lastLines(text: string): string {
  return text
    .split("\n")
    .map(
      (line) =>
        line
          .split("\r")
          .at(-1)
          ?.replace(/[\x00-\x1f\x7f-\x9f]/g, "")
          .trim() ?? "",
    )
    .filter(Boolean)
    .slice(-5)
    .join("; ")
    .slice(-1000);
}
