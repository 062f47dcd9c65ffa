import { z } from "zod";
import { type Captured, capture, codeOf, printable } from "./capture.ts";
import { absolute, Path } from "./files.ts";
import { answering, type Tool } from "./tool.ts";

const MOST_LINES = 200;
const LINE_CHARS = 300;
const RESULT_CHARS = 16 * 1024;
const MAX_BYTES = 256 * 1024;

const SearchInput = z.strictObject({
  pattern: z
    .string()
    .max(1_000, "is too long")
    .refine(oneLine, "must be one line")
    .optional()
    .describe("Regular expression. Absent: lists files"),
  path: Path.default("."),
  glob: z.string().min(1).max(200).refine(oneLine, "must be one line").optional().describe("Of file names, as *.ts"),
  context: z.int().min(0).max(10).default(0).describe("Lines around each match"),
  ignore_case: z.boolean().default(false),
});
type SearchInput = z.infer<typeof SearchInput>;

function oneLine(text: string): boolean {
  return !/[\0\n\r]/.test(text);
}

export const searchTool: Tool<SearchInput> = {
  name: "search",
  description: "Searches files, or lists them by name; leaves out what git ignores.",
  input: SearchInput,
  readsOnly: true,
  run: answering(async (input, { sandbox, workspace }, signal) => {
    const argv = searchCommand(input, absolute(input.path, workspace));
    const captured = await capture(sandbox, { argv, cwd: workspace }, MAX_BYTES, signal);
    const code = codeOf(captured.exit);
    if (code === 44) throw new Error(`there is no ${input.path}`);
    if (!captured.more && captured.stdout.length === 0) {
      if (code > 1) throw new Error(captured.stderr || `the search ended with ${code}`);
      return input.pattern === undefined ? "No file found." : "No match.";
    }
    return shown(captured);
  }),
};

/** By ripgrep where the sandbox has it, else by git where the place is in a repository, else by grep and find. Paths come relative to the working tree. */
const SEARCH = `
how=$1 where=$2 pattern=$3 glob=$4 context=$5 case=$6
[ -e "$where" ] || exit 44
case $where in "$PWD") where=. ;; "$PWD"/*) where=\${where#"$PWD"/} ;; esac
case $where in -*) where=./$where ;; esac
if command -v rg > /dev/null; then
  set -- --no-config --hidden --glob '!.git' --color never --sort path
  [ -n "$glob" ] && set -- "$@" --glob "$glob"
  [ "$how" = list ] && exec rg "$@" --files -- "$where"
  [ -n "$case" ] && set -- "$@" --ignore-case
  exec rg "$@" --no-heading --with-filename --line-number --max-columns 300 --max-columns-preview \${context:+--context "$context"} --regexp "$pattern" -- "$where"
fi
if git -C "$PWD" rev-parse --is-inside-work-tree > /dev/null 2>&1 && [ "\${where#/}" = "$where" ]; then
  spec=":(literal)$where"
  if [ -n "$glob" ]; then
    case $glob in */*) name=$glob ;; *) name="**/$glob" ;; esac
    [ "$where" = . ] && spec=":(glob)$name" || spec=":(glob)$where/$name"
  fi
  [ "$how" = list ] && exec git -c core.quotePath=false ls-files --cached --others --exclude-standard -- "$spec"
  exec git -c core.quotePath=false grep --untracked -I -n -E --no-color \${case:+-i} \${context:+-C "$context"} -e "$pattern" -- "$spec"
fi
[ "$how" = list ] && exec find "$where" -name .git -prune -o -type f -name "\${glob:-*}" -print
exec grep -rnIHE \${case:+-i} \${context:+-C "$context"} --exclude-dir=.git --include="\${glob:-*}" -e "$pattern" -- "$where"`;

function searchCommand({ pattern, glob, context, ignore_case }: SearchInput, where: string): readonly [string, ...string[]] {
  const how = pattern === undefined ? "list" : "match";
  return ["/bin/sh", "-c", SEARCH, "sh", how, where, pattern ?? "", glob ?? "", context > 0 ? String(context) : "", ignore_case ? "i" : ""];
}

function shown({ stdout, more }: Captured): string {
  const lines = printable(stdout.toString("utf8")).replace(/\n$/, "").split("\n");
  const out: string[] = [];
  let room = RESULT_CHARS;
  for (const line of lines.slice(0, MOST_LINES)) {
    const cut = line.length > LINE_CHARS ? `${line.slice(0, LINE_CHARS)}...` : line;
    room -= cut.length + 1;
    if (room < 0) break;
    out.push(cut.replace(/^\.\//, ""));
  }
  if (out.length < lines.length || more)
    out.push(`[the first ${out.length} of ${more ? "more than " : ""}${lines.length} lines; narrow the search]`);
  return out.join("\n");
}
