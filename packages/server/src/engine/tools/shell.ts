import { exitInWords, requestInWords } from "@farhand/protocol";
import { z } from "zod";
import type { Command, NetworkRequest } from "../../sandbox/sandbox.ts";
import type { StoredOutput } from "../engine.ts";
import { Excerpt, shownOutput } from "./output.ts";
import type { Tool } from "./tool.ts";

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
    .default(DEFAULT_TIMEOUT_SECONDS)
    .describe("The command is stopped after this many seconds"),
});
type ShellInput = z.infer<typeof ShellInput>;

export const shellTool: Tool<ShellInput> = {
  name: "shell",
  description:
    "Runs a command in the working tree. Every call begins in that directory, with a new shell and an empty standard input. " +
    "Returns how it ended and what it wrote to both streams; of a long output the beginning and the end.",
  input: ShellInput,
  readsOnly: false,
  async *run(input, { call, sandbox, workspace, storeOutput, refusals }, signal) {
    const stop = new AbortController();
    const sink = storeOutput(call);
    let closing: Promise<StoredOutput | null> | null = null;
    const close = () => (closing ??= sink.close());
    const excerpt = new Excerpt(RESULT_CHARS);
    try {
      const startedAt = performance.now();
      const command = shellCommand(input.command, workspace, input.timeout_seconds * 1000);
      const execution = sandbox.exec(command, AbortSignal.any([signal, stop.signal]));
      execution.exit.catch(() => {}); // it rejects together with the output, and then nobody waits for it
      yield* shownOutput(
        execution.output,
        (bytes) => sink.write(bytes),
        (text) => excerpt.append(text),
      );
      const exit = await execution.exit;
      const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
      const text = `Result after ${seconds} s: ${exitInWords(exit)}\n${String(excerpt) || "(no output)"}${refusedInWords(refusals?.() ?? [])}`;
      return { text, isError: false, exit, output: await close() };
    } finally {
      stop.abort(); // where the reader has left early, the command still runs
      await close().catch(() => {}); // on the good road it has thrown above
    }
  },
};

/** So that the model does not take a refusal for a fault of the network, and try again. Hosts are hostile text, printable and short. */
function refusedInWords(refused: readonly NetworkRequest[]): string {
  if (refused.length === 0) return "";
  const lines = refused.slice(0, MOST_REFUSALS).map((request) => `\n- ${requestInWords(request)}: ${request.reason}`);
  const more = refused.length > MOST_REFUSALS ? `\n- and ${refused.length - MOST_REFUSALS} more` : "";
  return `\n\nMeanwhile the network policy refused these requests; trying again will not help:${lines.join("")}${more}`;
}

/** The shell is looked for inside, since only the sandbox knows its image. A script too long for an argument comes by standard input. */
function shellCommand(script: string, cwd: string, timeoutMs: number): Command {
  const find = 'if [ -x /bin/bash ]; then exec /bin/bash -c "$1"; fi; exec /bin/sh -c "$1"';
  const bytes = Buffer.from(script);
  if (bytes.byteLength <= MAX_ARGUMENT_BYTES) return { argv: ["/bin/sh", "-c", find, "sh", script], cwd, timeoutMs };
  return { argv: ["/bin/sh", "-c", find, "sh", 'eval "$(cat)"'], cwd, timeoutMs, stdin: bytes };
}
