import { stripVTControlCharacters } from "node:util";
import {
  type AttemptView,
  checksInWords,
  exitInWords,
  failureInWords,
  type Item,
  type OutputChunk,
  type PlanStep,
  type TranscriptView,
  type TurnView,
} from "@farhand/protocol";

/** Of a long output, so many lines at its beginning and at its end. */
const LINES = 40;

/** A task's turns as a Markdown document: what was said, run, printed and changed. */
export function transcriptMarkdown(view: TranscriptView): string {
  const head = [`# ${line(view.title)}`, `${view.environment?.name ?? ""} · asked by ${line(view.createdBy)} · ${view.createdAt}`];
  return `${[...head, ...view.turns.flatMap(turnText)].join("\n\n")}\n`;
}

function turnText(turn: TurnView): string[] {
  const from =
    turn.follows === null
      ? ""
      : `, from ${turn.fromStep === null ? "" : `step ${turn.fromStep} of `}attempt ${turn.follows} of turn ${turn.turn - 1}`;
  const who = `**${line(turn.by)}**, ${turn.at} (model ${turn.model})`;
  return [
    `## Turn ${turn.turn}${from}`,
    ...(turn.retryOf === null ? [`${who}:`, quoted(turn.prompt)] : [`${who} tried turn ${turn.retryOf} again.`]),
    ...turn.attempts.flatMap((attempt) => attemptText(attempt, turn)),
  ];
}

function attemptText(attempt: AttemptView, turn: TurnView): string[] {
  const chosen = turn.chosen === attempt.number ? " (chosen)" : "";
  const title = turn.attempts.length > 1 ? [`### Attempt ${attempt.number}${chosen}`] : [];
  const isEnd = (item: Item) => item.kind === "notice" && line(item.text) === howItStands(attempt);
  const items = attempt.items.filter((item) => item.supersededBy === null && !isEnd(item)).flatMap(itemText);
  return [...title, ...items, `_${endText(attempt)}_`];
}

function itemText(item: Item): string[] {
  switch (item.kind) {
    case "message":
      return [item.text];
    case "reply":
      return [`**${line(item.by)}**, ${item.at}${item.state === "missed" ? " (came too late)" : ""}:`, quoted(item.text)];
    case "notice":
      return [`_${line(item.text)}_`];
    case "command":
      return [fenced(item.command.trimEnd(), "sh"), ...outputText(item.output), `${item.exit ? exitInWords(item.exit) : item.state}`];
    case "tool":
      if (item.subject.kind === "plan" && !item.isError) return [planText(item.subject.steps)];
      return [`\`${item.tool}\``, ...inputText(item.input), ...(item.result === null ? [] : [fenced(clipped(item.result))])];
    default:
      return item satisfies never;
  }
}

function planText(steps: readonly PlanStep[]): string {
  const now = (status: PlanStep["status"]) => (status === "in_progress" ? " (now)" : "");
  return steps.map(({ step, status }) => `- [${status === "completed" ? "x" : " "}] ${line(step)}${now(status)}`).join("\n");
}

/** Arguments as JSON; those of several lines by themselves, as they are. */
function inputText(input: unknown): string[] {
  if (typeof input !== "object" || input === null || Array.isArray(input)) return [fenced(JSON.stringify(input), "json")];
  const isLong = (value: unknown): value is string => typeof value === "string" && value.includes("\n");
  const short = Object.fromEntries(Object.entries(input).filter(([, value]) => !isLong(value)));
  const long = Object.entries(input).flatMap(([name, value]) => (isLong(value) ? [`\`${line(name)}\`:`, fenced(value.trimEnd())] : []));
  return [...(Object.keys(short).length > 0 ? [fenced(JSON.stringify(short, null, 2), "json")] : []), ...long];
}

function outputText(output: readonly OutputChunk[]): string[] {
  const text = output.map((chunk) => (chunk.dropped > 0 ? `\n… ${chunk.dropped} bytes are left out …\n` : "") + chunk.text).join("");
  return text.trim() === "" ? [] : [fenced(clipped(text.trimEnd()))];
}

function clipped(text: string): string {
  const lines = text.split("\n");
  if (lines.length <= 2 * LINES + 1) return text;
  return [...lines.slice(0, LINES), `… ${lines.length - 2 * LINES} lines are left out …`, ...lines.slice(-LINES)].join("\n");
}

function howItStands({ state }: AttemptView): string {
  if (state.state === "failed") return line(failureInWords(state.reason));
  if (state.state === "awaiting-input") return `asks: ${line(state.question)}`;
  return state.state === "succeeded" && state.stopped ? "stopped" : state.state;
}

function endText(attempt: AttemptView): string {
  const { stats, steps, usage, checks } = attempt;
  const change = stats ? `${stats.files} ${stats.files === 1 ? "file" : "files"} changed, +${stats.added} −${stats.removed}` : "no change";
  const cost = usage.costUsd === null ? "" : ` · $${usage.costUsd.toFixed(4)}`;
  const checked = checksInWords(checks);
  return `${howItStands(attempt)}: ${change}${checked ? ` · ${line(checked)}` : ""} · ${steps} ${steps === 1 ? "step" : "steps"}${cost}`;
}

/** As one line in which nothing begins a new block. */
function line(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}

function quoted(text: string): string {
  return text
    .trim()
    .split("\n")
    .map((one) => `> ${one}`)
    .join("\n");
}

/** Within a fence that the text itself cannot close. Of what a terminal would show, the last state of each line, without colours. */
function fenced(raw: string, language = ""): string {
  const text = stripVTControlCharacters(raw)
    .replace(/\r+\n/g, "\n")
    .replace(/^.*\r(?=[^\n])/gm, "");
  const longest = Math.max(0, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = "`".repeat(Math.max(3, longest + 1));
  return `${fence}${language}\n${text}\n${fence}`;
}
