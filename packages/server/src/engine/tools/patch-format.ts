/** One place of a file that changes: the lines as the patch gives them, after the lines that `under` names. */
export type Hunk = { under: readonly string[]; lines: readonly PatchLine[]; atEnd: boolean };
export type PatchLine = { kind: "keep" | "drop" | "add"; text: string };

export type FilePatch =
  | { kind: "add"; path: string; text: string }
  | { kind: "delete"; path: string }
  | { kind: "update"; path: string; moveTo: string | null; hunks: readonly Hunk[] };

const BEGIN = "*** Begin Patch";
const END = "*** End Patch";
const ADD = "*** Add File: ";
const DELETE = "*** Delete File: ";
const UPDATE = "*** Update File: ";
const MOVE = "*** Move to: ";
const END_OF_FILE = "*** End of File";
const UNIFIED = /^-\d+(?:,\d+)? \+\d+(?:,\d+)? @@ ?/;

/** Reads the envelope that OpenAI's models write. What they are known to add (a here-document around it, line numbers after @@) is passed over. Throws in words for the model. */
export function parsePatch(input: string): FilePatch[] {
  const lines = input.replace(/\r\n/g, "\n").trim().split("\n");
  const begin = lines.findIndex((line) => line.trim() === BEGIN);
  if (begin < 0) throw new Error(`the patch must begin with the line "${BEGIN}"`);
  const end = lines.findLastIndex((line) => line.trim() === END);
  if (end < begin) throw new Error(`the patch must end with the line "${END}"`);
  const reader = new PatchLines(lines.slice(begin + 1, end), begin + 2);
  const files: FilePatch[] = [];
  for (let line = reader.next(); line !== null; line = reader.next()) {
    if (line.trim() === "") continue;
    if (line.startsWith(ADD)) files.push({ kind: "add", path: pathOf(line, ADD), text: addedText(reader) });
    else if (line.startsWith(DELETE)) files.push({ kind: "delete", path: pathOf(line, DELETE) });
    else if (line.startsWith(UPDATE)) files.push(update(pathOf(line, UPDATE), reader));
    else
      throw new Error(
        `line ${reader.number} of the patch is "${line.slice(0, 80)}", where a file must begin: ${ADD}, ${UPDATE} or ${DELETE}`,
      );
  }
  if (files.length === 0) throw new Error("the patch is empty");
  return files;
}

class PatchLines {
  readonly #lines: readonly string[];
  readonly #first: number;
  #at = 0;

  constructor(lines: readonly string[], first: number) {
    this.#lines = lines;
    this.#first = first;
  }

  /** Of the line that `next` gave last, from 1. */
  get number(): number {
    return this.#first + this.#at - 1;
  }

  next(): string | null {
    return this.#lines[this.#at++] ?? null;
  }

  /** The next line if it belongs to the file at hand. */
  inFile(): string | null {
    const line = this.#lines[this.#at];
    const another = line === undefined || [ADD, DELETE, UPDATE].some((mark) => line.startsWith(mark));
    return another ? null : this.next();
  }
}

function addedText(reader: PatchLines): string {
  const lines: string[] = [];
  for (let line = reader.inFile(); line !== null; line = reader.inFile()) {
    if (line.startsWith("+")) lines.push(line.slice(1));
    else if (line.trim() !== "" && line !== END_OF_FILE)
      throw new Error(`line ${reader.number} of the patch: every line of an added file begins with +`);
  }
  return lines.map((line) => `${line}\n`).join("");
}

function update(path: string, reader: PatchLines): FilePatch {
  let moveTo: string | null = null;
  type Growing = { under: string[]; lines: PatchLine[]; atEnd: boolean };
  const hunks: Growing[] = [];
  const another = () => {
    const begun: Growing = { under: [], lines: [], atEnd: false };
    hunks.push(begun);
    return begun;
  };
  let hunk: Growing | null = null;
  for (let line = reader.inFile(); line !== null; line = reader.inFile()) {
    if (line.startsWith(MOVE) && hunks.length === 0) moveTo = pathOf(line, MOVE);
    else if (line === "@@" || line.startsWith("@@ ")) {
      if (!hunk || hunk.lines.length > 0) hunk = another();
      const name = line.slice(3).replace(UNIFIED, "");
      if (name.trim() !== "") hunk.under.push(name);
    } else if (line.trim() === END_OF_FILE && hunk) hunk.atEnd = true;
    else {
      if (!hunk || hunk.atEnd) hunk = another();
      hunk.lines.push(patchLine(line, reader.number));
    }
  }
  for (const one of hunks) withoutBlankEnd(one.lines);
  if (hunks.some(({ lines }) => lines.length === 0)) throw new Error(`a hunk of ${path} has no lines`);
  if (hunks.length === 0 && moveTo === null) throw new Error(`the patch changes nothing in ${path}`);
  return { kind: "update", path, moveTo, hunks };
}

function patchLine(line: string, number: number): PatchLine {
  const text = line.slice(1);
  if (line === "") return { kind: "keep", text: "" };
  if (line[0] === " ") return { kind: "keep", text };
  if (line[0] === "-") return { kind: "drop", text };
  if (line[0] === "+") return { kind: "add", text };
  throw new Error(`line ${number} of the patch begins with "${line.slice(0, 20)}", and must begin with a space, +, - or @@`);
}

/** Blank lines between hunks are the writer's, not the file's, where nothing stands after them. */
function withoutBlankEnd(lines: PatchLine[]): void {
  const changes = lines.findLastIndex(({ kind }) => kind !== "keep");
  while (lines.length > changes + 1 && lines.at(-1)?.kind === "keep" && lines.at(-1)?.text === "") lines.pop();
}

function pathOf(line: string, mark: string): string {
  const path = line.slice(mark.length).trim();
  if (path === "" || path.includes("\0")) throw new Error(`"${mark.trim()}" names no file`);
  return path;
}
