import { type EditLine, editInWords, type PlanStep, subjectInWords, subjectOf } from "@farhand/protocol";
import { safe, safeLine } from "./safe-text.ts";
import type { Screen } from "./screen.ts";

const DIFF_LINES = 12;
const MARKS: Readonly<Record<PlanStep["status"], string>> = { completed: "✔", in_progress: "▸", pending: "·" };

/** What stands for a call that is no command: one line, and under it the change or the plan. */
export function callLines(tool: string, input: unknown, style: Screen["style"]): string[] {
  const subject = subjectOf(tool, input);
  switch (subject.kind) {
    case "other":
      return [`${style("bold", `* ${safeLine(tool)}`)} ${safeLine(JSON.stringify(input))}`];
    case "edit":
      return subject.files.flatMap((file) => [
        `${style("bold", `± ${safeLine(editInWords(file))}`)} ${style("green", `+${file.added}`)} ${style("red", `-${file.removed}`)}`,
        ...changedLines(file.lines, style),
      ]);
    case "plan":
      return [style("bold", "plan"), ...subject.steps.map((step) => planLine(step, style))];
    default:
      return [style("dim", `• ${safeLine(subjectInWords(subject))}`)];
  }
}

function planLine({ step, status }: PlanStep, style: Screen["style"]): string {
  const line = `  ${MARKS[status]} ${safeLine(step)}`;
  return status === "pending" ? style("dim", line) : line;
}

function changedLines(lines: readonly EditLine[], style: Screen["style"]): string[] {
  const changed = lines.filter(({ sign }) => sign !== " ");
  const shown = changed.slice(0, changed.length > DIFF_LINES ? DIFF_LINES - 1 : DIFF_LINES);
  const more = changed.length - shown.length;
  return [
    ...shown.map(({ sign, text }) => style(sign === "+" ? "green" : "red", `  ${sign}${safe(text).replaceAll("\n", " ")}`)),
    ...(more > 0 ? [style("dim", `  … ${more} more lines`)] : []),
  ];
}
