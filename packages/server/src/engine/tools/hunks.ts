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

/** The text after the hunks. Kept lines stay as they were, to the byte. Throws in words for the model. */
export function withHunks(file: Omit<TextFile, "encode">, hunks: readonly Hunk[], path: string): string {
  const lines = linesOf(file.text);
  const out: FileLine[] = [];
  let from = 0;
  for (const { hunk, at } of placed(lines, hunks, path)) {
    out.push(...lines.slice(from, at));
    from = at;
    for (const { kind, text } of hunk.lines) {
      const line = lines[from];
      if (kind === "add") out.push({ text, end: file.eol });
      else from++;
      if (kind === "keep" && line) out.push(line);
    }
  }
  out.push(...lines.slice(from));
  return joined(out, lines.at(-1)?.end ?? file.eol, file.eol);
}

/** The hunks and where each begins, in the order of the file. Each is looked for after the one before; else anywhere, where only one place fits. */
function placed(lines: readonly FileLine[], hunks: readonly Hunk[], path: string): { hunk: Hunk; at: number }[] {
  const loose = SAME.map((same) => new LooseLines(lines, same));
  let from = 0;
  const places = hunks.map((hunk, index) => {
    const name = hunks.length === 1 ? `the hunk of ${path}` : `hunk ${index + 1} of ${hunks.length} of ${path}`;
    const after = placeOf(hunk, lines, loose, from);
    const { at, missing } = after.missing && from > 0 ? placeOf(hunk, lines, loose, 0) : after;
    if (missing) throw new Error(`${name}${missing.of} does not match the file${nearest(lines, missing.lines)}`);
    if (after.missing && !placeOf(hunk, lines, loose, at + 1).missing)
      throw new Error(
        `${name} matches at line ${at + 1} and again, but not after the hunk before it: put the hunks in the order of the file`,
      );
    from = at + oldLines(hunk).length;
    return { hunk, at, end: from, name };
  });
  const inOrder = places.toSorted((a, b) => a.at - b.at);
  for (const [index, { at, name }] of inOrder.entries()) {
    const before = inOrder[index - 1];
    if (before && before.end > at) throw new Error(`${before.name} and ${name} overlap at line ${at + 1}: make them one`);
  }
  return inOrder;
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

type Place = { at: number; missing?: never } | { at?: never; missing: { of: string; lines: readonly string[] } };

/** Where a hunk first fits from this line on; or the lines that are not there, and which they are of the hunk. */
function placeOf(hunk: Hunk, lines: readonly FileLine[], loose: readonly LooseLines[], from: number): Place {
  let at = from;
  for (const line of hunk.under) {
    const above = firstPlace(loose, [line], at);
    if (above === null) return { missing: { of: `, to be under "${line}",`, lines: [line] } };
    at = above + 1;
  }
  const old = oldLines(hunk);
  if (old.length === 0) return { at: hunk.under.length > 0 && !hunk.atEnd ? at : lines.length };
  const place = (hunk.atEnd ? atTheEnd(lines, loose, old, at) : null) ?? firstPlace(loose, old, at);
  return place === null ? { missing: { of: "", lines: old } } : { at: place };
}

/** By the strictest reading that finds them. */
function firstPlace(loose: readonly LooseLines[], wanted: readonly string[], from: number): number | null {
  for (const reading of loose) {
    const at = reading.find(wanted, from);
    if (at >= 0) return at;
  }
  return null;
}

function atTheEnd(lines: readonly FileLine[], loose: readonly LooseLines[], old: readonly string[], from: number): number | null {
  const last = lines.length - old.length;
  return last >= from && loose.some((reading) => reading.find(old, last) === last) ? last : null;
}

function oldLines({ lines }: Hunk): string[] {
  return lines.filter(({ kind }) => kind !== "add").map(({ text }) => text);
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
