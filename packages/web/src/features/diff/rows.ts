import type { DiffFile, DiffLine } from "./parse-patch.ts";

/** Where a line stands, for its colours: file, hunk and line by their places. */
export type Place = { file: number; hunk: number; line: number };

/** What the diff shows from top to bottom; only the rows in sight are drawn. */
export type Row =
  | { kind: "file"; key: string; file: number; last: boolean }
  | { kind: "note"; key: string; text: string; last: boolean }
  | { kind: "hunk"; key: string; title: string; last: boolean }
  | { kind: "line"; key: string; line: DiffLine; place: Place; last: boolean }
  | {
      kind: "pair";
      key: string;
      left: { line: DiffLine; place: Place } | null;
      right: { line: DiffLine; place: Place } | null;
      last: boolean;
    };

/** `isOpen` says whether the content of a file is shown. */
export function diffRows(files: readonly DiffFile[], isOpen: (file: number) => boolean, split: boolean): Row[] {
  const rows: Row[] = [];
  for (const [number, file] of files.entries()) {
    rows.push({ kind: "file", key: `${number}`, file: number, last: false });
    if (isOpen(number)) addFile(rows, file, number, split);
    const last = rows.at(-1);
    if (last) last.last = true;
  }
  return rows;
}

/** The row of a file's line as it is now, or of the first after it that is shown; without a line, or past the last, that of the file. */
export function rowOf(rows: readonly Row[], file: number, line: number | null): number {
  const head = rows.findIndex((row) => row.kind === "file" && row.file === file);
  if (line === null) return head;
  const found = rows.findIndex((row) => {
    const at = row.kind === "line" ? row : row.kind === "pair" ? row.right : null;
    return at !== null && at.place.file === file && at.line.new !== null && at.line.new >= line;
  });
  return found < 0 ? head : found;
}

function addFile(rows: Row[], file: DiffFile, number: number, split: boolean): void {
  const note = noteOf(file);
  if (note) rows.push({ kind: "note", key: `${number} note`, text: note, last: false });
  for (const [hunk, { title, lines }] of file.hunks.entries()) {
    if (hunk > 0 || title !== "") rows.push({ kind: "hunk", key: `${number}.${hunk}`, title, last: false });
    const place = (line: number): Place => ({ file: number, hunk, line });
    if (split) addPairs(rows, lines, place);
    else for (const [at, line] of lines.entries()) rows.push({ kind: "line", key: keyOf(place(at)), line, place: place(at), last: false });
  }
}

/** What was removed stands beside what was added in its place. */
function addPairs(rows: Row[], lines: readonly DiffLine[], place: (line: number) => Place): void {
  for (let at = 0; at < lines.length; ) {
    const line = lines[at];
    if (!line) return;
    if (line.kind === "same") {
      const both = { line, place: place(at) };
      rows.push({ kind: "pair", key: keyOf(both.place), left: both, right: both, last: false });
      at++;
      continue;
    }
    const removed = run(lines, at, "removed");
    const added = run(lines, at + removed, "added");
    for (let pair = 0; pair < Math.max(removed, added); pair++) {
      const side = (from: number, count: number) => {
        const one = lines[from + pair];
        return pair < count && one ? { line: one, place: place(from + pair) } : null;
      };
      rows.push({ kind: "pair", key: keyOf(place(at + pair)), left: side(at, removed), right: side(at + removed, added), last: false });
    }
    at += Math.max(1, removed + added);
  }
}

function run(lines: readonly DiffLine[], from: number, kind: DiffLine["kind"]): number {
  let end = from;
  while (lines[end]?.kind === kind) end++;
  return end - from;
}

function noteOf(file: DiffFile): string {
  const notes = [
    file.change === "renamed" ? `renamed from ${file.from}` : file.change === "copied" ? `copied from ${file.from}` : "",
    file.mode ? `mode ${file.mode}` : "",
    file.binary ? "binary file" : "",
    !file.binary && file.hunks.length === 0 && file.change === "added" ? "empty file" : "",
  ];
  return notes.filter(Boolean).join(" · ");
}

export function keyOf({ file, hunk, line }: Place): string {
  return `${file}.${hunk}.${line}`;
}
