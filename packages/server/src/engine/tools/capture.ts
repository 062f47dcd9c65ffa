import type { Exit } from "@farhand/protocol";
import type { Command, Sandbox } from "../../sandbox/sandbox.ts";

const TIMEOUT_MS = 60_000;
const ERROR_CHARS = 2_000;

/** `more`: there was more than `maxBytes` on standard output; the command was stopped there, and its exit says nothing. */
export type Captured = { exit: Exit; stdout: Buffer; stderr: string; more: boolean };

/** Runs a command of a tool's own, whose output nobody follows, and keeps the beginning of it. Throws where it takes longer than a minute. */
export async function capture(
  sandbox: Sandbox,
  command: Pick<Command, "argv" | "cwd" | "stdin">,
  maxBytes: number,
  signal: AbortSignal,
): Promise<Captured> {
  const enough = new AbortController();
  const execution = sandbox.exec({ ...command, timeoutMs: TIMEOUT_MS }, AbortSignal.any([signal, enough.signal]));
  const chunks: Uint8Array[] = [];
  let room = maxBytes;
  let stderr = "";
  let more = false;
  for await (const { stream, bytes } of execution.output) {
    if (stream === "stderr") stderr = (stderr + Buffer.from(bytes).toString("utf8")).slice(0, ERROR_CHARS);
    else {
      if (room > 0) chunks.push(bytes.slice(0, room));
      more ||= bytes.length > room;
      room = Math.max(0, room - bytes.length);
      if (more) enough.abort();
    }
  }
  const exit = await execution.exit;
  signal.throwIfAborted();
  if (exit.kind === "timed-out") throw new Error(`it took longer than ${TIMEOUT_MS / 1000} s`);
  return { exit, stdout: Buffer.concat(chunks), stderr: printable(stderr).trim(), more };
}

/** The exit code; what ended otherwise counts as 255. */
export function codeOf(exit: Exit): number {
  return exit.kind === "exited" ? exit.code : 255;
}

/** Without control characters, but for the ends of lines and tabs. */
export function printable(text: string): string {
  return text.replace(/\r\n/g, "\n").replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, "\ufffd");
}
