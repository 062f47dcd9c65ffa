import {
  type Connection,
  checksInWords,
  compactedInWords,
  type EventBody,
  emptyTranscript,
  exitInWords,
  failureInWords,
  HISTORY_REMOVED,
  hasPassed,
  hasSay,
  type OutputChunk,
  recipeInWords,
  reduce,
  refusalInWords,
  requestInWords,
  resumedInWords,
  retryInWords,
  subjectOf,
  type TaskEvent,
  type ToolSubject,
  takeWriting,
  toldInWords,
  type Writing,
} from "@farhand/protocol";
import { progressLine } from "./progress-line.ts";
import { SafeText, safe, safeLine } from "./safe-text.ts";
import type { Screen } from "./screen.ts";
import { callLines } from "./tool-lines.ts";
import { bytesInWords, count, duration, statsInWords } from "./words.ts";

const COMMAND_LINES = 20;
const PROMPT_LINES = 12;
const PARTIAL_CHARS = 16_384;
const LAST_WORDS_CHARS = 48;

type Started = Extract<EventBody, { type: "tool.started" }>;
type Finished = Pick<Extract<EventBody, { type: "tool.finished" }>, "exit" | "isError" | "result" | "durationMs">;

/** A command whose output is coming: lines are shown when they are complete. */
type OpenCall = {
  name: string;
  subject: ToolSubject["kind"] | "command";
  texts: Record<OutputChunk["stream"], SafeText>;
  stream: OutputChunk["stream"];
  partial: string;
};

/**
 * Shows a task's events as they come: whole lines, and in a terminal a moving line of what is going on. All text of the task is shown safely. `prompt: false`
 * leaves out the first prompt, which the user has just typed; `after`: what came up to this event is not shown.
 */
export function transcriptPrinter(screen: Screen, options: { prompt: boolean; after?: number }) {
  const view = emptyTranscript();
  const calls = new Map<string, OpenCall>();
  const requests = new Set<string>();
  let isRemovalTold = false;
  const setupLogs = new Set<number | null>();
  const questions = new Set<string>();
  const newest = new Map<number | null, string>();
  let isPromptTold = options.prompt;
  let lost: string | null = null;
  const progress = progressLine(screen, () => lost ?? doing());
  const { style } = screen;

  function doing(): string | null {
    const attempt = view.attempts.find((one) => one.state.state === "running" || one.state.state === "queued");
    if (!attempt) return view.publication?.state === "asked" || view.publication?.state === "publishing" ? "publishing" : null;
    if (attempt.state.state === "queued") return "waiting for a worker";
    const phase = attempt.phases.at(-1);
    if (phase?.state !== "running") return "running";
    const ms = Math.max(0, Date.now() - Date.parse(phase.startedAt)); // the service's clock may run ahead
    const elapsed = ms < 1000 ? `${(ms / 1000).toFixed(1)} s` : duration(ms);
    const written = attempt.writing ? ` · ${lastWords(attempt.writing.text)}` : "";
    const steps = phase.phase === "agent" && attempt.steps > 0 ? ` · step ${attempt.steps}` : "";
    return `${phase.phase}${steps} · ${elapsed}${phase.progress ? ` · ${safeLine(phase.progress)}` : ""}${written}`;
  }

  function prefix(event: TaskEvent): string {
    return event.attempt !== null && view.attempts.length > 1 ? style("dim", `[${event.attempt}] `) : "";
  }

  const print = (event: TaskEvent, lines: string[]) => progress.print(lines.map((line) => `${prefix(event)}${line}\n`).join(""));

  async function takeOutput(
    event: TaskEvent,
    key: string,
    chunk: { stream: OutputChunk["stream"]; text: string; dropped: number },
  ): Promise<void> {
    const call = calls.get(key);
    if (!call) return;
    const lines: string[] = [];
    if (call.stream !== chunk.stream || chunk.dropped > 0) lines.push(...rest(call));
    if (chunk.dropped > 0) lines.push(style("dim", `  … ${bytesInWords(chunk.dropped)} are left out here …`));
    call.stream = chunk.stream;
    const text = call.texts[chunk.stream];
    for (const [index, piece] of chunk.text.split("\n").entries()) {
      if (index > 0) lines.push(outputLine(call));
      if (call.partial === "") call.partial = text.resume();
      call.partial += text.write(piece);
      if (call.partial.length > PARTIAL_CHARS) lines.push(outputLine(call));
    }
    if (lines.length > 0) await print(event, lines);
  }

  /** Takes the line that is complete now. A lone carriage return in it has begun another one. */
  function outputLine(call: OpenCall): string {
    const text = call.texts[call.stream];
    const line = `  ${call.partial}${text.end()}${text.pause()}`;
    call.partial = "";
    return line.replaceAll("\n", `${text.pause()}\n  `);
  }

  function rest(call: OpenCall): string[] {
    call.partial += call.texts[call.stream].end();
    return call.partial.replace(/\x1b\[[0-9;:]*m/g, "") === "" ? [] : [outputLine(call)];
  }

  function quoted(text: string): string[] {
    return clipped(safe(text).trim().split("\n"), PROMPT_LINES).map((line) => style("dim", `> ${line}`));
  }

  function newCall(name: string, subject: OpenCall["subject"]): OpenCall {
    return {
      name,
      subject,
      texts: { stdout: new SafeText(screen.colour), stderr: new SafeText(screen.colour) },
      stream: "stdout",
      partial: "",
    };
  }

  function opened(event: TaskEvent, key: string, { tool, input }: Started): void {
    if (tool === "ask_user") return void questions.add(key);
    const [line = tool] = callLines(tool, input, (_, text) => text);
    calls.set(key, newCall(line.replace(/^[•±*] /, ""), tool === "shell" ? "command" : subjectOf(tool, input).kind));
    newest.set(event.attempt, key);
  }

  /** The last line of a call that has ended, if it was not complete. */
  function ended(key: string): string[] {
    const call = calls.get(key);
    calls.delete(key);
    return call ? rest(call) : [];
  }

  function started(body: Started): string[] {
    const command =
      (body.tool === "shell" || body.tool === "check") && typeof body.input === "object" && body.input !== null && "command" in body.input
        ? body.input.command
        : null;
    if (typeof command !== "string") return callLines(body.tool, body.input, style);
    const [first = "", ...more] = clipped(safe(command).replace(/\n+$/, "").split("\n"), COMMAND_LINES);
    return [style("bold", `$ ${first}`), ...more.map((line) => style("bold", `  ${line}`))];
  }

  function checkLines(event: TaskEvent): string[] {
    const turn = view.turns.find((one) => one.turn === event.turn);
    const checks = turn?.attempts.find((one) => one.number === event.attempt)?.checks ?? [];
    const words = checksInWords(checks);
    if (words === null) return [];
    return [checks.every(hasPassed) ? `${style("green", "✔")} ${words}` : style("yellow", `! ${safeLine(words)}`)];
  }

  /** What only looked, or changed a file as was said, ends without a word. */
  function ending(event: TaskEvent, key: string, body: Finished): string[] {
    if (questions.delete(key) && !body.isError) return [];
    const { subject = "other", name = "" } = calls.get(key) ?? {};
    const last = ended(key);
    const whose = newest.get(event.attempt) === key ? "" : name; // of calls side by side, another's line stands above
    if (body.isError || body.exit !== null || subject === "other") return [...last, finished(body, whose)];
    return subject === "command" || subject === "process" ? [...last, style("dim", "  goes on in the background")] : last;
  }

  function finished(body: Finished, whose = ""): string {
    const good = body.exit ? body.exit.kind === "exited" && body.exit.code === 0 : !body.isError;
    const words = body.exit ? safeLine(exitInWords(body.exit)) : body.isError ? `failed: ${safeLine(body.result).slice(0, 500)}` : "done";
    const name = whose ? `${whose}: ` : "";
    return `  ${style(good ? "green" : "red", `${good ? "✔" : "✖"} ${name}${words}`)}${style("dim", ` · ${duration(body.durationMs)}`)}`;
  }

  /** The first of each kind; the others are counted in the view. */
  async function network(event: TaskEvent, body: Extract<EventBody, { type: "network.request" }>): Promise<void> {
    const key = JSON.stringify([event.turn, event.attempt, event.run, body.method, body.host, body.port, body.decision, body.reason]);
    if (requests.has(key)) return;
    requests.add(key);
    if (body.decision === "refused") return print(event, [style("red", `✖ ${safeLine(refusalInWords(body))}`)]);
    const failed = body.reason ? `: ${body.reason}` : "";
    await print(event, [style("dim", `● network: ${safeLine(requestInWords(body) + failed)}`)]);
  }

  async function show(event: TaskEvent): Promise<void> {
    const body = event.body;
    const key = callKey(event);
    switch (body.type) {
      case "task.created":
        return print(event, [
          `${style("bold", safeLine(body.title))}`,
          style("dim", `${safeLine(body.environment)} · ${safeLine(body.model)}`),
        ]);
      case "turn.started":
        if (body.turn > 1) await print(event, ["", style("bold", `Turn ${body.turn}${followsInWords(body)}`)]);
        if (body.retryOf !== undefined) return;
        if (!isPromptTold) {
          isPromptTold = true;
          return;
        }
        return print(event, [...quoted(body.prompt), ...(body.images ? [style("dim", `> [${count(body.images, "image")}]`)] : [])]);
      case "turn.chosen":
        return print(event, [style("dim", `● attempt ${body.attempt} is chosen, by ${safeLine(body.by)}`)]);
      case "attempt.awaiting":
        return print(event, [
          ...safe(body.question)
            .trim()
            .split("\n")
            .map((line, at) => style("yellow", `${at === 0 ? "?" : " "} ${line}`)),
          ...body.options.map((option) => style("dim", `  - ${safeLine(option)}`)),
        ]);
      case "question.answered":
        return print(event, [...quoted(body.text), style("dim", `● answered by ${safeLine(body.by)}`)]);
      case "reply.sent":
        return print(event, [...quoted(body.text), style("dim", `● said by ${safeLine(body.by)}: told before the next step`)]);
      case "reply.missed":
        return print(event, [style("yellow", "! what was said last came too late: the agent had ended")]);
      case "run.started":
        for (const open of calls.keys()) if (open.startsWith(`${event.turn} ${event.attempt} `)) calls.delete(open);
        return;
      case "run.resumed":
        return print(event, [style("yellow", `! ${safeLine(resumedInWords(body, event.run ?? 1))}`)]);
      case "checkpoint.failed":
        return print(event, [style("yellow", `! the working tree could not be saved: ${safeLine(body.detail)}`)]);
      case "run.interrupted":
        return print(event, [style("yellow", `! run ${event.run ?? ""} was cut off: ${safeLine(body.detail)}`)]);
      case "phase.finished":
        return print(event, [
          style("dim", `● ${body.phase} · ${duration(body.durationMs)}${body.note ? ` · ${safeLine(body.note)}` : ""}`),
        ]);
      case "network.request":
        return network(event, body);
      case "message":
        return print(event, ["", ...safe(body.text, screen.colour).replace(/\n+$/, "").split("\n"), ""]);
      case "context.compacted":
        return print(event, [style("dim", `● ${safeLine(compactedInWords(body).split("\n")[0] ?? "")}`)]);
      case "agent.told":
        return print(event, [style("yellow", `! ${safeLine(toldInWords(body))}`)]);
      case "model.retried":
        return print(event, [style("yellow", `! ${safeLine(retryInWords(body))}`)]);
      case "tool.started":
        opened(event, key, body);
        return questions.has(key) ? undefined : print(event, started(body)); // the question itself comes next
      case "tool.output":
        return takeOutput(event, key, { stream: body.stream, text: body.text, dropped: body.dropped ?? 0 });
      case "tool.finished":
        return print(event, ending(event, key, body));
      case "setup.started":
        calls.set(key, newCall(body.script, "command"));
        newest.set(event.attempt, key);
        setupLogs.add(event.attempt);
        return print(event, [style("bold", body.script)]);
      case "setup.output":
        return takeOutput(event, key, { stream: body.stream, text: body.text, dropped: body.dropped ?? 0 });
      case "setup.finished":
        return print(event, [...ended(key), finished({ ...body, isError: false, result: "" })]);
      case "event.removed":
        if (isRemovalTold) return;
        isRemovalTold = true;
        return print(event, [style("dim", `● ${HISTORY_REMOVED}`)]);
      case "change.described":
        return print(event, [style("dim", `● ${safeLine(body.title)}`)]);
      case "attempt.succeeded":
        return print(event, [
          ...checkLines(event),
          `${style("green", "✔")} ${body.stopped ? "stopped · " : ""}${view.mode === "ask" ? "answered" : statsInWords(body.stats)}`,
        ]);
      case "attempt.failed":
        return print(
          event,
          safe(failureInWords(body.reason))
            .split("\n", body.reason.kind === "setup-failed" && setupLogs.has(event.attempt) ? 1 : undefined) // the end of its log stands above already
            .map((line, index) => style("red", index === 0 ? `✖ ${line}` : `  ${line}`)),
        );
      case "attempt.cancelled":
        return print(event, [style("yellow", "✖ cancelled")]);
      case "stop.requested":
        return print(event, [style("yellow", `! stopping, asked by ${safeLine(body.by)}`)]);
      case "cancel.requested":
        return print(event, [style("yellow", `! cancelling, asked by ${safeLine(body.by)}`)]);
      case "publication.asked":
        return print(event, [style("dim", `● publishing to ${safeLine(body.branch)}, asked by ${safeLine(body.by)}`)]);
      case "publication.published":
        return print(event, [`${style("green", "✔")} published ${safeLine(body.branch)} at ${safeLine(body.commit).slice(0, 12)}`]);
      case "publication.failed":
        return print(event, [style("red", `✖ publishing failed: ${safeLine(body.detail)}`)]);
      case "task.archived":
      case "task.unarchived":
        return print(event, [style("dim", `● ${body.type.slice(5)} by ${safeLine(body.by)}`)]);
      case "recipe.resolved":
        return print(event, [
          ...(hasSay(body.recipe) ? [style("dim", `● ${safeLine(recipeInWords(body.recipe))}`)] : []),
          ...body.recipe.notices.map((notice) => style("yellow", `! ${safeLine(notice)}`)),
        ]);
      case "task.titled": // as the change was described
      case "reply.given":
      case "base.resolved":
      case "phase.started":
      case "phase.progress":
      case "step.started":
      case "step.answered":
      case "engine.stopped":
      case "publication.started":
        return; // the moving line tells them, or what follows them does
      default:
        return body satisfies never;
    }
  }

  return {
    view,
    async take(event: TaskEvent): Promise<void> {
      if (event.seq <= view.lastSeq) return;
      reduce(view, event);
      if (event.seq > (options.after ?? 0)) return show(event);
      if (event.body.type === "tool.started") opened(event, callKey(event), event.body); // its end may come after
    },
    /** Shown in the moving line alone: the message follows. */
    writing: (writing: Writing): void => takeWriting(view, writing),
    connection(connection: Connection): void {
      if (connection.state === "open") lost = null;
      else if (screen.interactive) lost = `connection lost, trying again: ${safeLine(connection.detail)}`;
      else if (lost === null) {
        lost = "told";
        screen.err(`farhand: connection lost, trying again: ${safeLine(connection.detail)}\n`);
      }
    },
    end: () => progress.end(),
  };
}

/** Of what is being written, the end of its last line. */
function lastWords(text: string): string {
  const line = safeLine(text.trimEnd().split("\n").at(-1) ?? "");
  return line.length <= LAST_WORDS_CHARS ? line : `…${line.slice(-LAST_WORDS_CHARS)}`;
}

function callKey({ turn, attempt, body }: TaskEvent): string {
  return `${turn} ${attempt} ${"call" in body ? body.call : ""}`;
}

function followsInWords({ turn, follows, fromStep, retryOf, by }: Extract<EventBody, { type: "turn.started" }>): string {
  if (retryOf !== undefined) return `: ${safeLine(by)} tried turn ${retryOf} again`;
  return follows === undefined
    ? ""
    : `, from ${fromStep === undefined ? "" : `step ${fromStep} of `}attempt ${follows} of turn ${turn - 1}`;
}

function clipped(lines: string[], most: number): string[] {
  return lines.length <= most ? lines : [...lines.slice(0, most - 1), `… ${lines.length - most + 1} more lines`];
}
