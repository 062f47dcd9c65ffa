import { exitInWords, requestInWords } from "@farhand/protocol";
import { z } from "zod";
import type { Command, NetworkRequest } from "../../sandbox/sandbox.ts";
import type { StoredOutput } from "../engine.ts";
import { Excerpt } from "../excerpt.ts";
import { ByteQueue } from "./byte-queue.ts";
import { shownOutput } from "./output.ts";
import { PlainText } from "./plain-text.ts";
import type { Process } from "./processes.ts";
import type { Tool, ToolContext, ToolOutput, ToolResult } from "./tool.ts";

const DEFAULT_TIMEOUT_SECONDS = 600;
const MAX_TIMEOUT_SECONDS = 86_400;
/** Of a command's output, what the model is told. */
const RESULT_CHARS = 16 * 1024;
const MOST_REFUSALS = 20;
/** Linux takes no argument above 128 KiB. */
const MAX_ARGUMENT_BYTES = 100_000;

const ShellInput = z.strictObject({
  command: z
    .string()
    .min(1, "is empty")
    .refine((command) => !command.includes("\0"), "must not contain a NUL character")
    .describe("A command line or a whole script for bash (for sh where there is no bash)"),
  timeout_seconds: z
    .int()
    .min(1)
    .max(MAX_TIMEOUT_SECONDS)
    .optional()
    .describe(`The command is killed then. Default ${DEFAULT_TIMEOUT_SECONDS}, none with background_after`),
  background_after: z
    .int()
    .min(0)
    .max(600)
    .optional()
    .describe(
      "For servers and what asks questions: return after so many seconds, let it run on, until you stop at most, with an open input; see process",
    ),
});
type ShellInput = z.infer<typeof ShellInput>;

export const shellTool: Tool<ShellInput> = {
  name: "shell",
  description:
    "Runs a command in the working tree. Every call begins in that directory, with a new shell and an empty standard input. " +
    "Returns how it ended and what it wrote to both streams; of a long output the beginning and the end.",
  input: ShellInput,
  readsOnly: false,
  async *run({ command, timeout_seconds, background_after }, context, signal) {
    const inBackground = background_after !== undefined;
    if (inBackground) context.processes.requireRoom();
    const seconds = timeout_seconds ?? (inBackground ? MAX_TIMEOUT_SECONDS : DEFAULT_TIMEOUT_SECONDS);
    const input = inBackground ? new ByteQueue() : null;
    const asked = shellCommand(command, context.workspace, seconds * 1000, input);
    const process = context.processes.start(asked, context.call, inBackground ? 0 : RESULT_CHARS, signal);
    let left = true;
    try {
      const until = inBackground ? process.startedAt + background_after * 1000 : Number.POSITIVE_INFINITY;
      const told = yield* watch(process, until, context);
      if (told.exit === null) {
        const id = context.processes.keep(process);
        left = false;
        return { ...told, text: `Still running after ${secondsOf(process)} s, as process ${id}. So far:\n${told.text}` };
      }
      return { ...told, text: `Result after ${secondsOf(process)} s: ${exitInWords(told.exit)}\n${told.text}` };
    } finally {
      if (left) await process.stop(); // where the reader has left early, the command still runs
    }
  },
};

/** Shows what a process writes until it ends or the time is up; then what there was of it, for the model, and its exit if it has one. */
export async function* watch(
  process: Process,
  until: number,
  { call, storeOutput, refusals }: ToolContext,
): AsyncGenerator<ToolOutput, ToolResult> {
  const sink = storeOutput(call);
  let closing: Promise<StoredOutput | null> | null = null;
  const close = () => {
    closing ??= sink.close();
    return closing;
  };
  const plain = new PlainText();
  const excerpt = new Excerpt(RESULT_CHARS);
  try {
    yield* shownOutput(
      process.output(until),
      (bytes) => sink.write(bytes),
      (text) => excerpt.append(plain.write(text)),
    );
    excerpt.append(plain.flush());
    const { exit } = process;
    const kept = exit === null ? `[all of its output goes to ${process.kept.path}]` : await process.kept.close();
    const text = `${String(excerpt) || "(no output)"}${kept && `\n${kept}`}${refusedInWords(refusals?.() ?? [])}`;
    return { text, isError: false, exit, output: await close() };
  } finally {
    await close().catch(() => {}); // on the good road it has thrown above
  }
}

export function secondsOf(process: Process): string {
  return ((performance.now() - process.startedAt) / 1000).toFixed(1);
}

/** So that the model does not take a refusal for a fault of the network, and try again. Hosts are hostile text, printable and short. */
function refusedInWords(refused: readonly NetworkRequest[]): string {
  if (refused.length === 0) return "";
  const lines = refused.slice(0, MOST_REFUSALS).map((request) => `\n- ${requestInWords(request)}: ${request.reason}`);
  const more = refused.length > MOST_REFUSALS ? `\n- and ${refused.length - MOST_REFUSALS} more` : "";
  return `\n\nMeanwhile the network policy refused these requests; trying again will not help:${lines.join("")}${more}`;
}

/** The shell is looked for inside, since only the sandbox knows its image. A script too long for an argument comes by standard input. */
function shellCommand(script: string, cwd: string, timeoutMs: number, input: ByteQueue | null): Command {
  const find = 'if [ -x /bin/bash ]; then exec /bin/bash -c "$1"; fi; exec /bin/sh -c "$1"';
  const bytes = Buffer.from(script);
  if (bytes.byteLength <= MAX_ARGUMENT_BYTES)
    return { argv: ["/bin/sh", "-c", find, "sh", script], cwd, timeoutMs, ...(input && { stdin: input }) };
  if (input) throw new Error("a command this long cannot run in the background: put it into a file first");
  return { argv: ["/bin/sh", "-c", find, "sh", 'eval "$(cat)"'], cwd, timeoutMs, stdin: bytes };
}
