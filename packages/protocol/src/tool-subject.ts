import { z } from "zod";

/** Lines of a change that are shown; the whole is in the diff. */
const MOST_LINES = 200;

export type PlanStep = { step: string; status: "pending" | "in_progress" | "completed" };

export type EditLine = { sign: " " | "+" | "-"; text: string };

/** What a call does to one file. `lines` is what the call says, bounded; `added` and `removed` count all of it. */
export type FileEdit = {
  path: string;
  /** `write`: the whole content, of a file that may have been there. */
  deed: "change" | "write" | "add" | "remove";
  movedTo: string | null;
  lines: EditLine[];
  added: number;
  removed: number;
};

/** What a tool's call is about, read from its arguments. Text in it is hostile. `other`: a tool or arguments that nobody here knows. */
export type ToolSubject =
  | { kind: "read"; path: string; firstLine: number }
  | { kind: "search"; pattern: string | null; path: string; glob: string | null }
  | { kind: "edit"; files: FileEdit[] }
  | { kind: "plan"; steps: PlanStep[] }
  | { kind: "process"; id: number; input: string | null; signal: string | null }
  | { kind: "other" };

const Read = z.object({ path: z.string(), first_line: z.int().default(1) });
const Search = z.object({
  pattern: z.string().nullable().default(null),
  path: z.string().default("."),
  glob: z.string().nullable().default(null),
});
const Edit = z.object({ path: z.string(), old_text: z.string(), new_text: z.string() });
const Write = z.object({ path: z.string(), content: z.string() });
const Patch = z.object({ input: z.string() });
const Plan = z.object({
  steps: z
    .array(z.object({ step: z.string(), status: z.enum(["pending", "in_progress", "completed"]) }))
    .min(1)
    .max(100),
});
const Process = z.object({ id: z.int(), input: z.string().nullable().default(null), signal: z.string().nullable().default(null) });

export function subjectOf(tool: string, input: unknown): ToolSubject {
  switch (tool) {
    case "read_file":
      return known(Read, input, ({ path, first_line }) => ({ kind: "read", path, firstLine: first_line }));
    case "search":
      return known(Search, input, (search) => ({ kind: "search", ...search }));
    case "edit":
      return known(Edit, input, (edit) => ({ kind: "edit", files: [replacement(edit.path, edit.old_text, edit.new_text)] }));
    case "write_file":
      return known(Write, input, ({ path, content }) => ({
        kind: "edit",
        files: [fileEdit(path, "write", signed("+", linesOf(content)))],
      }));
    case "apply_patch":
      return known(Patch, input, ({ input }) => ({ kind: "edit", files: patchedFiles(input) }));
    case "update_plan":
      return known(Plan, input, ({ steps }) => ({ kind: "plan", steps }));
    case "process":
      return known(Process, input, (process) => ({ kind: "process", ...process }));
    default:
      return { kind: "other" };
  }
}

/** A subject in one line, as "read src/cart.ts from line 40". */
export function subjectInWords(subject: Exclude<ToolSubject, { kind: "other" }>): string {
  switch (subject.kind) {
    case "read":
      return `read ${subject.path}${subject.firstLine > 1 ? ` from line ${subject.firstLine}` : ""}`;
    case "search": {
      const where = `${subject.path === "." ? "" : ` in ${subject.path}`}${subject.glob === null ? "" : ` of ${subject.glob}`}`;
      return subject.pattern === null ? `list files${where}` : `search ${subject.pattern}${where}`;
    }
    case "edit":
      return subject.files.map(editInWords).join(", ");
    case "plan": {
      const done = subject.steps.filter(({ status }) => status === "completed").length;
      const now = subject.steps.find(({ status }) => status === "in_progress");
      return `plan: ${done} of ${subject.steps.length} done${now ? ` · ${now.step}` : ""}`;
    }
    case "process": {
      const deed = subject.signal !== null ? `${subject.signal} to` : subject.input !== null ? "write to" : "look at";
      return `${deed} process ${subject.id}${subject.input === null ? "" : `: ${subject.input.trimEnd()}`}`;
    }
    default:
      return subject satisfies never;
  }
}

export function editInWords({ path, deed, movedTo }: FileEdit): string {
  if (movedTo !== null) return `move ${path} to ${movedTo}`;
  return `${deed === "change" ? "edit" : deed} ${path}`;
}

function known<T>(schema: z.ZodType<T>, input: unknown, subject: (value: T) => ToolSubject): ToolSubject {
  const parsed = schema.safeParse(input);
  return parsed.success ? subject(parsed.data) : { kind: "other" };
}

function fileEdit(path: string, deed: FileEdit["deed"], lines: EditLine[], movedTo: string | null = null): FileEdit {
  const count = (sign: EditLine["sign"]) => lines.reduce((sum, line) => sum + Number(line.sign === sign), 0);
  return { path, deed, movedTo, lines: lines.slice(0, MOST_LINES), added: count("+"), removed: count("-") };
}

/** The lines that both texts begin and end with are not part of the change. */
function replacement(path: string, oldText: string, newText: string): FileEdit {
  const [before, after] = [linesOf(oldText), linesOf(newText)];
  const most = Math.min(before.length, after.length);
  let head = 0;
  while (head < most && before[head] === after[head]) head++;
  let tail = 0;
  while (tail < most - head && before[before.length - 1 - tail] === after[after.length - 1 - tail]) tail++;
  return fileEdit(path, "change", [
    ...signed(" ", before.slice(0, head)),
    ...signed("-", before.slice(head, before.length - tail)),
    ...signed("+", after.slice(head, after.length - tail)),
    ...signed(" ", before.slice(before.length - tail)),
  ]);
}

const FILE = /^\*\*\* (Add|Update|Delete) File: (.+)$/;
const DEEDS = { Add: "add", Update: "change", Delete: "remove" } as const;

/** As much as is needed to show it; whether it can be applied is for the tool to say. */
function patchedFiles(patch: string): FileEdit[] {
  const files: { path: string; deed: FileEdit["deed"]; movedTo: string | null; lines: EditLine[] }[] = [];
  for (const line of patch.split(/\r?\n/)) {
    const [, deed, path] = FILE.exec(line) ?? [];
    const file = files.at(-1);
    if (deed && path) files.push({ path: path.trim(), deed: DEEDS[deed as keyof typeof DEEDS], movedTo: null, lines: [] });
    else if (!file) continue;
    else if (line.startsWith("*** Move to: ")) file.movedTo = line.slice(13).trim();
    else if (/^[ +-]/.test(line)) file.lines.push({ sign: line[0] as EditLine["sign"], text: line.slice(1) });
  }
  return files.map(({ path, deed, movedTo, lines }) => fileEdit(path, deed, lines, movedTo));
}

function signed(sign: EditLine["sign"], lines: readonly string[]): EditLine[] {
  return lines.map((text) => ({ sign, text }));
}

function linesOf(text: string): string[] {
  return text === "" ? [] : text.replace(/\r?\n$/, "").split(/\r?\n/);
}
