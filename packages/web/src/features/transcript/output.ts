import type { OutputChunk } from "@farhand/protocol";
import { AnsiLines, type Line } from "../../lib/ansi.ts";
import { bytesInWords } from "../../lib/words.ts";

type Taken = { ansi: AnsiLines; chunks: number };
const taken = new WeakMap<OutputChunk[], Taken>();

/** The lines of a command's output. The array of chunks is the same one while it grows, so each chunk is read once. */
export function outputLines(output: OutputChunk[]): readonly Line[] {
  let known = taken.get(output);
  if (!known) {
    known = { ansi: new AnsiLines(), chunks: 0 };
    taken.set(output, known);
  }
  for (; known.chunks < output.length; known.chunks++) {
    const chunk = output[known.chunks];
    if (!chunk) break;
    if (chunk.dropped > 0) known.ansi.write(`\n… ${bytesInWords(chunk.dropped)} are left out here: they are in the whole output …\n`);
    known.ansi.write(chunk.text);
  }
  const { lines } = known.ansi;
  return lines.at(-1)?.length === 0 ? lines.slice(0, -1) : lines;
}
