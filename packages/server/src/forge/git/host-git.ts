import { type ChildProcess, spawn } from "node:child_process";
import { constants } from "node:os";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { plainText } from "./plain-text.ts";

const MiB = 1024 * 1024;
const STDERR_BYTES = 64 * 1024;
const KILL_AFTER_MS = 2000;
/** Of the host's environment git sees where programs and certificates are, nothing else. The same for every part, so it is read here. */
const HOST_ENVIRONMENT = Object.fromEntries(
  ["PATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO", "GIT_SSL_CAPATH"].flatMap((name) => {
    const value = process.env[name];
    return value ? [[name, value]] : [];
  }),
);

/** No configuration but ours: not of the system, not of a user, and no program that a repository could name. */
const ENVIRONMENT: Readonly<Record<string, string>> = {
  ...HOST_ENVIRONMENT,
  HOME: "/nonexistent",
  XDG_CONFIG_HOME: "/nonexistent",
  LC_ALL: "C",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_ATTR_NOSYSTEM: "1",
  GIT_TERMINAL_PROMPT: "0",
  GIT_NO_REPLACE_OBJECTS: "1",
  GIT_NO_LAZY_FETCH: "1",
  GIT_PROTOCOL_FROM_USER: "0",
  GIT_ALLOW_PROTOCOL: "none",
};

const CONFIG = [
  "core.hooksPath=/dev/null",
  "core.attributesFile=/dev/null",
  "core.excludesFile=/dev/null",
  "core.fsmonitor=false",
  "core.protectHFS=true",
  "core.protectNTFS=true",
  "core.askPass=",
  "core.packedGitLimit=1g",
  "core.packedGitWindowSize=64m",
  "credential.helper=",
  "gc.auto=0",
  "maintenance.auto=false",
  "http.followRedirects=false",
  "http.lowSpeedLimit=1000",
  "http.lowSpeedTime=60",
  "submodule.recurse=false",
  "fetch.recurseSubmodules=false",
  "push.recurseSubmodules=no",
  "transfer.bundleURI=false",
  "advice.detachedHead=false",
];

export type GitCall = {
  /** The bare repository to work in; null for a command that needs none. */
  gitDir: string | null;
  /** Subcommand and arguments. What comes from outside stands after `--`, or in a form that cannot be an option. */
  args: readonly string[];
  /** More `name=value` settings, for this call only. No secrets: they can be seen in the process list. */
  config?: readonly string[];
  /** More environment; the place for secrets. */
  variables?: Readonly<Record<string, string>>;
  stdin?: Uint8Array | AsyncIterable<Uint8Array>;
  /** Protocols that git may speak, such as "https". Default: none. */
  protocols?: readonly string[];
  timeoutMs?: number;
  /** Of standard output; more is an error. For runGit only. */
  maxBytes?: number;
  /** A program and its arguments to run git through, such as prlimit. */
  through?: readonly string[];
  /** An open file that git and its children hold as well: with a lock on it, the lock ends only with the last of them. */
  holds?: number;
  /** Told of each line of progress. */
  onProgress?: (line: string) => void;
  /** Text that must not stand in an error, besides what is cleaned anyway. */
  redact?: readonly string[];
};

/** git failed or was stopped by its own limits. `stderr` is its last words, cleaned: no control characters, no credentials. */
export class GitError extends Error {
  override readonly name = "GitError";
  readonly kind: "exit" | "timeout" | "too-much-output" | "not-started";
  readonly code: number | null;
  readonly stderr: string;

  constructor(command: string, kind: GitError["kind"], code: number | null, stderr: string) {
    super(`git ${command} ${IN_WORDS[kind]}${kind === "exit" ? ` with ${code}` : ""}${stderr ? `: ${stderr}` : ""}`);
    this.kind = kind;
    this.code = code;
    this.stderr = stderr;
  }
}

const IN_WORDS = {
  exit: "ended",
  timeout: "took too long",
  "too-much-output": "wrote more than is allowed",
  "not-started": "could not be started",
};

/** Runs git to its end and returns its standard output. Throws GitError, or the signal's reason on abort; by then git and its children are dead. */
export async function runGit(call: GitCall, signal: AbortSignal): Promise<Buffer> {
  const limit = call.maxBytes ?? 64 * MiB;
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of streamGit(call, signal)) {
    size += chunk.length;
    if (size > limit) throw new GitError(commandOf(call), "too-much-output", null, `more than ${limit} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** runGit for output that is text. */
export async function gitText(call: GitCall, signal: AbortSignal): Promise<string> {
  return (await runGit(call, signal)).toString("utf8").trimEnd();
}

/**
 * Runs git and yields its standard output as it is read. Throws like runGit, after the last bytes. A reader that leaves early kills git.
 * The bytes of a chunk are the reader's.
 */
export async function* streamGit(call: GitCall, signal: AbortSignal): AsyncGenerator<Uint8Array, void, void> {
  signal.throwIfAborted();
  const timeout = call.timeoutMs === undefined ? null : AbortSignal.timeout(call.timeoutMs);
  const stop = timeout ? AbortSignal.any([signal, timeout]) : signal;
  const child = start(call);
  const ended = endOf(child);
  const stderr = collectStderr(child, call.onProgress);
  const kill = () => killGroup(child, ended);
  stop.addEventListener("abort", kill, { once: true });
  const fed = feed(child, call.stdin);
  let finished = false;
  try {
    try {
      for await (const chunk of child.stdout ?? []) yield chunk as Uint8Array; // without descriptors left, there is none
    } catch (error) {
      if (!stop.aborted) throw error;
    }
    const end = await ended;
    finished = true;
    const inputFault = await fed;
    if (signal.aborted) throw signal.reason;
    if (timeout?.aborted)
      throw new GitError(commandOf(call), "timeout", null, `no end after ${Math.round((call.timeoutMs ?? 0) / 1000)} s`);
    if (end.error) throw new GitError(commandOf(call), "not-started", null, end.error.message);
    if (inputFault) throw inputFault;
    if (end.code !== 0) {
      const words = end.signal ? `killed by ${end.signal}\n${stderr()}` : stderr();
      throw new GitError(commandOf(call), "exit", end.code, plainText(words, call.redact));
    }
  } finally {
    stop.removeEventListener("abort", kill);
    if (!finished) {
      kill();
      child.stdout?.resume();
      await ended;
    }
  }
}

function start(call: GitCall): ChildProcess {
  const settings = [...CONFIG, ...(call.config ?? [])].flatMap((setting) => ["-c", setting]);
  const argv = [...(call.through ?? []), "git", ...settings, ...call.args];
  return spawn(argv[0] as string, argv.slice(1), {
    cwd: "/",
    detached: true, // a process group of its own, so that git's children can be killed with it
    stdio: ["pipe", "pipe", "pipe", ...(call.holds === undefined ? [] : [call.holds])],
    env: {
      ...ENVIRONMENT,
      ...(call.gitDir === null ? {} : { GIT_DIR: call.gitDir }),
      ...(call.protocols ? { GIT_ALLOW_PROTOCOL: call.protocols.join(":") } : {}),
      ...(call.onProgress ? { GIT_PROGRESS_DELAY: "0" } : {}),
      ...call.variables,
    },
  });
}

type End = { code: number | null; signal: NodeJS.Signals | null; error: Error | null };

function endOf(child: ChildProcess): Promise<End> {
  return new Promise((resolve) => {
    child.once("error", (error) => resolve({ code: null, signal: null, error }));
    child.once("close", (code, signal) => resolve({ code, signal, error: null }));
  });
}

/** Gives git its input; resolves to what went wrong in making the input. That git did not want all of it is no error. */
async function feed(child: ChildProcess, input: GitCall["stdin"]): Promise<Error | null> {
  const stdin = child.stdin;
  if (!stdin) return null;
  stdin.on("error", () => {});
  if (input === undefined || input instanceof Uint8Array) {
    stdin.end(input ?? "");
    return null;
  }
  try {
    await pipeline(Readable.from(input, { objectMode: false }), stdin);
    return null;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    return code === "EPIPE" || code === "ERR_STREAM_PREMATURE_CLOSE" || code === "ERR_STREAM_DESTROYED" ? null : (error as Error);
  }
}

function collectStderr(child: ChildProcess, onProgress?: (line: string) => void): () => string {
  let text = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    text = (text + chunk.toString("utf8")).slice(-STDERR_BYTES);
    const line = onProgress && plainText(lastLine(text));
    if (line) onProgress(line);
  });
  return () => text;
}

function lastLine(text: string): string {
  return (
    text
      .trimEnd()
      .split(/[\r\n]/)
      .at(-1) ?? ""
  );
}

/** Lets git tidy up its temporary files, then kills what is left of the group. */
function killGroup(child: ChildProcess, ended: Promise<End>): void {
  const group = child.pid;
  if (group === undefined) return;
  signalGroup(group, constants.signals.SIGTERM);
  const timer = setTimeout(() => signalGroup(group, constants.signals.SIGKILL), KILL_AFTER_MS);
  void ended.then(() => clearTimeout(timer));
}

function signalGroup(group: number, number: number): void {
  try {
    process.kill(-group, number);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code !== "ESRCH" && code !== "EPERM") throw error; // gone, or another user's: what is ours has been told
  }
}

function commandOf(call: GitCall): string {
  return call.args[0] ?? "";
}
