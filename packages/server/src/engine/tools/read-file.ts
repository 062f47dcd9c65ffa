import { z } from "zod";
import { capture, codeOf, printable } from "./capture.ts";
import { absolute, look, Path } from "./files.ts";
import { binaryKind, textFile, withoutHalfCharacter } from "./text-file.ts";
import { answering, type Tool, type ToolContext } from "./tool.ts";

const MOST_LINES = 2_000;
const DEFAULT_LINES = 400;
const RESULT_CHARS = 32 * 1024;
const LINE_CHARS = 2_000;
const MOST_ENTRIES = 300;
/** Enough for the most lines of ordinary length; a file that goes on is read on from there. */
const MAX_BYTES = 1024 * 1024;

const ReadFileInput = z.strictObject({
  path: Path,
  first_line: z.int().min(1).default(1),
  lines: z.int().min(1).max(MOST_LINES).default(DEFAULT_LINES),
});
type ReadFileInput = z.infer<typeof ReadFileInput>;

/** The lines from `$2` on; before them, on a line of their own, how many lines the file has, and its bytes. */
const FROM_LINE = `
wc -l -c < "$1" | tr -s ' \\t' ' ' || exit 1
tail -n "+$2" -- "$1" | head -n "$3" | head -c "$4"`;

export const readFileTool: Tool<ReadFileInput> = {
  name: "read_file",
  description: "Shows lines of a file, each after its number and a tab, or the entries of a directory.",
  input: ReadFileInput,
  readsOnly: true,
  run: answering(async ({ path, first_line, lines }, context, signal) => {
    const target = absolute(path, context.workspace);
    const found = await look(context.sandbox, target, 8_192, signal);
    if (found.kind === "missing") throw new Error(`there is no file ${path}`);
    if (found.kind === "directory") return entries(target, path, context, signal);
    if (textFile(withoutHalfCharacter(found.bytes)) === null)
      return `${path} is a binary file (${binaryKind(found.bytes)}${found.more ? "" : `, ${found.bytes.length} bytes`}): look at it with shell`;
    const argv = ["/bin/sh", "-c", FROM_LINE, "sh", target, String(first_line), String(lines), String(MAX_BYTES)] as const;
    const { exit, stdout, stderr } = await capture(context.sandbox, { argv, cwd: "/" }, MAX_BYTES + 100, signal);
    if (codeOf(exit) !== 0) throw new Error(`${path} cannot be read: ${stderr}`);
    const [head = "", rest = ""] = split(decoded(stdout));
    const [ends = 0, bytes = 0] = head.trim().split(" ").map(Number);
    return shown(rest, first_line, lines, { ends, bytes });
  }),
};

/** Numbered lines within the limits, and how to go on where there is more. */
function shown(text: string, first: number, asked: number, file: { ends: number; bytes: number }): string {
  if (file.bytes === 0) return "(the file is empty)";
  if (text === "") return `The file has ${file.ends} lines; there is none from line ${first} on.`;
  const lines = text.replace(/\n$/, "").split("\n");
  let room = RESULT_CHARS;
  const out: string[] = [];
  for (const [index, line] of lines.entries()) {
    const cut = line.length > LINE_CHARS ? `${line.slice(0, LINE_CHARS)} [... ${line.length - LINE_CHARS} more characters]` : line;
    const numbered = `${first + index}\t${printable(cut.replace(/\r$/, ""))}`;
    room -= numbered.length + 1;
    if (room < 0 && out.length > 0) break;
    out.push(numbered);
  }
  const next = first + out.length;
  const whole = out.length === lines.length && (lines.length < asked || next > file.ends) && text.length < MAX_BYTES;
  if (!whole) out.push(`[lines ${first} to ${next - 1} of ${Math.max(file.ends, next)}; go on with first_line ${next}]`);
  return out.join("\n");
}

async function entries(target: string, path: string, { sandbox }: ToolContext, signal: AbortSignal): Promise<string> {
  const { exit, stdout, stderr, more } = await capture(sandbox, { argv: ["ls", "-1Ap", "--", target], cwd: "/" }, 64 * 1024, signal);
  if (!more && codeOf(exit) !== 0) throw new Error(`${path} cannot be read: ${stderr}`);
  const names = printable(decoded(stdout)).split("\n").filter(Boolean);
  const count = more ? `more than ${names.length}` : String(names.length);
  const left = more || names.length > MOST_ENTRIES ? `\n[the first ${Math.min(names.length, MOST_ENTRIES)} of ${count} entries]` : "";
  return `${path} is a directory${names.length === 0 ? ", and empty" : `:\n${names.slice(0, MOST_ENTRIES).join("\n")}${left}`}`;
}

function split(text: string): string[] {
  const at = text.indexOf("\n");
  return [text.slice(0, at), text.slice(at + 1)];
}

function decoded(bytes: Buffer): string {
  const whole = withoutHalfCharacter(bytes);
  return textFile(whole)?.text ?? whole.toString("utf8");
}
