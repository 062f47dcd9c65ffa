import { nearestPlace, numberedLines } from "./nearest.ts";
import type { Hunk } from "./patch-format.ts";
import type { TextFile } from "./text-file.ts";

type FileLine = { text: string; end: string };

/** From strict to lenient: what models get wrong in lines that they copy. */
const SAME: readonly ((line: string) => string)[] = [
  (line) => line,
  (line) => line.trimEnd(),
  (line) => line.trim(),
  (line) =>
    line
      .trim()
      .replace(/[\u2010-\u2015\u2212]/g, "-")
      .replace(/[\u2018-\u201b]/g, "'")
      .replace(/[\u201c-\u201f]/g, '"')
      .replace(/[\u00a0\u2002-\u200a\u202f\u205f\u3000]/g, " "),
];

/** The text after the hunks, each of which is looked for after the one before. Kept lines stay as they were, to the byte. Throws in words for the model. */
export function withHunks(file: Omit<TextFile, "encode">, hunks: readonly Hunk[], path: string): string {
  const lines = linesOf(file.text);
  const loose = SAME.map((same) => new LooseLines(lines, same));
  const out: FileLine[] = [];
  let from = 0;
  for (const [index, hunk] of hunks.entries()) {
    const name = hunks.length === 1 ? `the hunk of ${path}` : `hunk ${index + 1} of ${hunks.length} of ${path}`;
    let at = from;
    for (const line of hunk.under) at = placeOf(lines, loose, [line], at, `${name}, to be under "${line}",`) + 1;
    const old = hunk.lines.filter(({ kind }) => kind !== "add").map(({ text }) => text);
    if (old.length === 0) at = hunk.under.length > 0 && !hunk.atEnd ? at : lines.length;
    else at = (hunk.atEnd ? atTheEnd(lines, loose, old, at) : null) ?? placeOf(lines, loose, old, at, name);
    out.push(...lines.slice(from, at));
    for (const { kind, text } of hunk.lines) {
      const line = lines[at];
      if (kind === "add") out.push({ text, end: file.eol });
      else at++;
      if (kind === "keep" && line) out.push(line);
    }
    from = at;
  }
  out.push(...lines.slice(from));
  return joined(out, lines.at(-1)?.end ?? file.eol, file.eol);
}

/** The lines of a file as one of the readings above sees them, as one text, since a text is searched fast. */
class LooseLines {
  readonly #same: (line: string) => string;
  readonly #lines: readonly FileLine[];
  #text: string | null = null;
  #starts: number[] = [];

  constructor(lines: readonly FileLine[], same: (line: string) => string) {
    this.#lines = lines;
    this.#same = same;
  }

  /** The first line from `from` on where the wanted ones stand; -1 = nowhere. */
  find(wanted: readonly string[], from: number): number {
    this.#text ??= this.#read();
    const start = this.#starts[from];
    const at = start === undefined ? -1 : this.#text.indexOf(`\n${wanted.map(this.#same).join("\n")}\n`, start);
    if (at < 0) return -1;
    let [low, high] = [from, this.#starts.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#starts[middle] ?? 0) < at) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #read(): string {
    let length = 0;
    const read = this.#lines.map(({ text }) => {
      const line = this.#same(text);
      this.#starts.push(length);
      length += line.length + 1;
      return line;
    });
    return `\n${read.join("\n")}\n`;
  }
}

function atTheEnd(lines: readonly FileLine[], loose: readonly LooseLines[], old: readonly string[], from: number): number | null {
  const last = lines.length - old.length;
  return last >= from && loose.some((reading) => reading.find(old, last) === last) ? last : null;
}

function placeOf(lines: readonly FileLine[], loose: readonly LooseLines[], old: readonly string[], from: number, name: string): number {
  for (const start of from === 0 ? [0] : [from, 0])
    for (const reading of loose) {
      const at = reading.find(old, start);
      if (at >= 0 && start === from) return at;
      if (at >= 0)
        throw new Error(`${name} matches at line ${at + 1}, before where it is looked for: put the hunks in the order of the file`);
    }
  throw new Error(`${name} does not match the file, so nothing of the patch is applied${nearest(lines, old)}`);
}

function nearest(lines: readonly FileLine[], old: readonly string[]): string {
  const texts = lines.map(({ text }) => text);
  const place = nearestPlace(texts, old);
  return place ? `. The nearest text:\n${numberedLines(texts, place.at, place.count)}` : ", and nothing there is like it";
}

function linesOf(text: string): FileLine[] {
  return [...text.matchAll(/([^\n]*?)(\r?\n|$)/gy)]
    .map(([, line = "", end = ""]) => ({ text: line, end }))
    .filter(({ text, end }) => text + end !== "");
}

/** The end of the last line is as it was before. */
function joined(lines: readonly FileLine[], lastEnd: string, eol: string): string {
  return lines.map(({ text, end }, index) => text + (index < lines.length - 1 ? end || eol : lastEnd)).join("");
}
