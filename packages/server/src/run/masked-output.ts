import type { Secret } from "../domain/secret.ts";
import type { OutputChunk } from "../sandbox/sandbox.ts";

const MASK = "***";
/** Shorter values stand in ordinary text by chance. */
const SHORTEST = 4;

/** The same output with every value of a secret masked, also where it comes in pieces. What may be the beginning of one is held back until that is clear. */
export async function* maskedOutput(output: AsyncIterable<OutputChunk>, secrets: readonly Secret[]): AsyncGenerator<OutputChunk> {
  const values = secrets
    .map((secret) => Buffer.from(secret.reveal().trim()).toString("latin1"))
    .filter((value) => value.length >= SHORTEST)
    .toSorted((a, b) => b.length - a.length);
  if (values.length === 0) return yield* output;
  const held = { stdout: "", stderr: "" };
  for await (const { stream, bytes } of output) {
    const text = values.reduce((all, value) => all.replaceAll(value, MASK), held[stream] + Buffer.from(bytes).toString("latin1"));
    const keep = Math.max(...values.map((value) => beginningAtEnd(text, value)));
    held[stream] = text.slice(text.length - keep);
    if (keep < text.length) yield { stream, bytes: Buffer.from(text.slice(0, text.length - keep), "latin1") };
  }
  for (const stream of ["stdout", "stderr"] as const) if (held[stream]) yield { stream, bytes: Buffer.from(held[stream], "latin1") };
}

/** How many characters at the end of the text are a beginning of the value. */
function beginningAtEnd(text: string, value: string): number {
  for (let length = Math.min(value.length - 1, text.length); length > 0; length--) if (text.endsWith(value.slice(0, length))) return length;
  return 0;
}
