export type DiffLine = { kind: "same" | "added" | "removed"; text: string; old: number | null; new: number | null };
export type Hunk = { title: string; lines: DiffLine[] };
export type DiffFile = {
  path: string;
  /** Its path before, where it was renamed or copied. */
  from: string | null;
  change: "changed" | "added" | "deleted" | "renamed" | "copied";
  binary: boolean;
  /** `100644 → 100755`; null where it stays. */
  mode: string | null;
  added: number;
  removed: number;
  hunks: Hunk[];
};

/** Reads what `git diff --binary` wrote. Text in it is hostile: what is not understood is passed over, nothing throws. */
export function parsePatch(patch: string): DiffFile[] {
  const lines = patch.split("\n");
  const files: DiffFile[] = [];
  let at = 0;
  while (at < lines.length) {
    if (lines[at]?.startsWith("diff --git ")) at = readFile(lines, at, files);
    else at++;
  }
  return files;
}

function readFile(lines: string[], start: number, files: DiffFile[]): number {
  const file: DiffFile = {
    path: pathOfHeader(lines[start] ?? ""),
    from: null,
    change: "changed",
    binary: false,
    mode: null,
    added: 0,
    removed: 0,
    hunks: [],
  };
  files.push(file);
  let oldMode = "";
  let at = start + 1;
  for (; at < lines.length; at++) {
    const line = lines[at] ?? "";
    if (line.startsWith("diff --git ")) return at;
    if (line.startsWith("@@ ")) {
      at = readHunk(lines, at, file) - 1;
      continue;
    }
    if (line.startsWith("new file mode")) file.change = "added";
    else if (line.startsWith("deleted file mode")) file.change = "deleted";
    else if (line.startsWith("rename from ")) {
      file.change = "renamed";
      file.from = unquoted(line.slice(12));
    } else if (line.startsWith("copy from ")) {
      file.change = "copied";
      file.from = unquoted(line.slice(10));
    } else if (line.startsWith("rename to ")) file.path = unquoted(line.slice(10));
    else if (line.startsWith("copy to ")) file.path = unquoted(line.slice(8));
    else if (line.startsWith("old mode ")) oldMode = line.slice(9);
    else if (line.startsWith("new mode ")) file.mode = `${oldMode} → ${line.slice(9)}`;
    else if (line.startsWith("GIT binary patch") || line.startsWith("Binary files ")) file.binary = true;
    else if (line.startsWith("+++ ") && line !== "+++ /dev/null") file.path = withoutPrefix(line.slice(4));
    else if (line.startsWith("--- ") && line !== "--- /dev/null" && file.change === "deleted") file.path = withoutPrefix(line.slice(4));
  }
  return at;
}

function readHunk(lines: string[], start: number, file: DiffFile): number {
  const head = /^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@ ?(.*)$/.exec(lines[start] ?? "");
  if (!head) return start + 1;
  let oldLine = Number(head[1]);
  let newLine = Number(head[3]);
  let oldLeft = Number(head[2] ?? 1);
  let newLeft = Number(head[4] ?? 1);
  const hunk: Hunk = { title: head[5] ?? "", lines: [] };
  file.hunks.push(hunk);
  let at = start + 1;
  for (; at < lines.length && (oldLeft > 0 || newLeft > 0); at++) {
    const line = lines[at] ?? "";
    const text = line.slice(1);
    if (line.startsWith("+")) {
      hunk.lines.push({ kind: "added", text, old: null, new: newLine++ });
      newLeft--;
      file.added++;
    } else if (line.startsWith("-")) {
      hunk.lines.push({ kind: "removed", text, old: oldLine++, new: null });
      oldLeft--;
      file.removed++;
    } else if (line.startsWith(" ") || line === "") {
      hunk.lines.push({ kind: "same", text, old: oldLine++, new: newLine++ });
      oldLeft--;
      newLeft--;
    } else if (!line.startsWith("\\")) break;
  }
  while (lines[at]?.startsWith("\\")) at++;
  return at;
}

/** `diff --git a/X b/X`: the second half, for files that have no other line with their name. */
function pathOfHeader(line: string): string {
  const rest = line.slice("diff --git ".length);
  if (rest.startsWith('"')) return withoutPrefix(/"(?:[^"\\]|\\.)*"$/.exec(rest)?.[0] ?? rest);
  return withoutPrefix(rest.slice((rest.length + 1) / 2));
}

function withoutPrefix(name: string): string {
  return unquoted(name).replace(/^[ab]\//, "");
}

/** git quotes names with unusual bytes as C does. */
function unquoted(name: string): string {
  const plain = name.replace(/\t$/, "");
  if (!plain.startsWith('"')) return plain;
  const bytes: number[] = [];
  const encoder = new TextEncoder();
  for (const [found] of plain.slice(1, -1).matchAll(/\\[0-7]{3}|\\.|[^\\]+/gs)) {
    if (/^\\[0-7]{3}$/.test(found)) bytes.push(Number.parseInt(found.slice(1), 8) & 0xff);
    else if (found.startsWith("\\")) bytes.push(ESCAPES[found[1] ?? ""] ?? found.charCodeAt(1) & 0xff);
    else bytes.push(...encoder.encode(found));
  }
  return new TextDecoder().decode(new Uint8Array(bytes));
}

const ESCAPES: Record<string, number> = { a: 7, b: 8, t: 9, n: 10, v: 11, f: 12, r: 13 };
