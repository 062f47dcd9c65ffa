import type { z } from "zod";
import type { EventBody, Exit, Usage } from "./event.ts";
import type { NetworkRequested, RefusedRequest } from "./network.ts";
import type { RunRecipe } from "./recipe.ts";
import type { AttemptState, DiffStats, Mode, Phase, PublicationState } from "./task.ts";
import type { PlanStep, ToolSubject } from "./tool-subject.ts";

/** What stands for all that was removed from an archived task. */
export const HISTORY_REMOVED = "commands and what they printed were removed: the task was archived long ago";

export type Json = z.core.util.JSONType;

/** `seq` is that of the event which began the item: a stable key within its attempt. */
export type ItemBase = {
  seq: number;
  at: string;
  /** The run it belongs to; null for what people did. */
  run: number | null;
  /** The later run that did this again or went on without it; null = it counts. Shown greyed out. */
  supersededBy: number | null;
};

export type OutputChunk = {
  stream: "stdout" | "stderr";
  text: string;
  /** Bytes left out in front of this chunk; they are in the stored output only. */
  dropped: number;
};

/** A call is cut off when its run ended before it did. */
export type CallState = "running" | "done" | "cut-off";

export type CallBase = ItemBase & {
  call: string;
  state: CallState;
  output: OutputChunk[];
  /** The sum over the chunks. */
  dropped: number;
  isError: boolean;
  /** What the model was told; null until done. */
  result: string | null;
  exit: Exit | null;
  durationMs: number | null;
  /** The whole output, where it is stored. */
  stored: { blob: string; bytes: number; truncated: boolean } | null;
};

export type MessageItem = ItemBase & { kind: "message"; text: string };
export type CommandItem = CallBase & { kind: "command"; command: string };
export type ToolItem = CallBase & { kind: "tool"; tool: string; input: Json; subject: ToolSubject };
/** What somebody said while the agent worked. */
export type ReplyItem = ItemBase & { kind: "reply"; reply: string; by: string; text: string; state: "waiting" | "given" | "missed" };
/** `refused`: the request to the network that it is about. */
export type NoticeItem = ItemBase & { kind: "notice"; tone: "info" | "warning" | "error"; text: string; refused?: RefusedRequest };

/** What a surface shows for related events. Text in it is hostile data. */
export type Item = MessageItem | CommandItem | ToolItem | ReplyItem | NoticeItem;

export type PhaseLine = { seq: number; at: string; tone: NoticeItem["tone"]; text: string };

export type PhaseView = {
  phase: Phase;
  run: number;
  /** Of its first and its last event, null while it runs: what has a number between them was done in it. */
  seq: number;
  endSeq: number | null;
  startedAt: string;
  limitMs: number;
  state: "running" | "done" | "failed" | "cut-off";
  durationMs: number | null;
  note: string | null;
  /** The latest word on how far it is; null = none yet. */
  progress: string | null;
  /** What was said while it ran and of its end, the last of it; before them so many more. The same array while it grows. */
  lines: PhaseLine[];
  earlierLines: number;
};

/** One check of the environment: a command that is run before the agent's work counts as finished. `exit`: null while it runs, or where it was cut off. */
export type CheckView = { command: string; call: string; step: number; exit: Exit | null };

/** Whether it ended well; null = it has not ended. */
export function hasPassed({ exit }: CheckView): boolean | null {
  return exit && exit.kind === "exited" && exit.code === 0;
}

/** How the checks ended, in a line; null = none were run. */
export function checksInWords(checks: readonly CheckView[]): string | null {
  const failed = checks.filter((check) => hasPassed(check) !== true);
  const [first] = failed;
  if (checks.length === 0) return null;
  if (!first) return checks.length === 1 ? "the check passed" : `all ${checks.length} checks passed`;
  const how = first.exit ? exitInWords(first.exit) : "not ended";
  const more = failed.length > 1 ? ` and ${failed.length - 1} more` : "";
  return `${failed.length} of ${checks.length} checks did not pass: ${first.command} (${how})${more}`;
}

/** Equal requests of one run to the network, counted. */
export type NetworkRow = Omit<NetworkRequested, "type" | "bytes"> & {
  /** `seq` of the first of them. */
  seq: number;
  run: number;
  at: string;
  bytes: number;
};

/** What is known of a reply that is being written; `from` > 0: not its beginning. Hostile data, as all text of a task. */
export type WritingView = { step: number; from: number; text: string };

export type AttemptView = {
  number: number;
  state: AttemptState;
  /** The latest run; 0 = none yet. */
  run: number;
  worker: string | null;
  phases: PhaseView[];
  items: Item[];
  /** In the order of the first of each kind; of all runs. */
  network: NetworkRow[];
  /** Model requests of all runs, and what they used together. */
  steps: number;
  usage: Usage;
  /** The agent's own, as it was last shown; null = it has none. */
  plan: PlanStep[] | null;
  stats: DiffStats | null;
  /** The whole change in words, where the model found some. */
  description: { title: string; text: string } | null;
  /** The environment's checks as they ended last, or run at this moment; empty = none were run. */
  checks: CheckView[];
  /** Blob of the change, where there is one. */
  patch: string | null;
  base: { commit: string; ref: string } | null;
  /** By what the latest run works. */
  recipe: RunRecipe | null;
  /** What the model writes at this moment, where that is told; null = nothing. */
  writing: WritingView | null;
  /** The last step that was answered; 0 = none. */
  answered: number;
  /** Why the agent stopped, in its own words. */
  stopped: { reason: string; detail: string } | null;
  /** Where calls that still run stand in `items`, by their id. */
  openCalls: Map<string, number>;
  /** Whether it is settled what of earlier runs counts in the latest. */
  resumed: boolean;
};

export type TurnView = {
  turn: number;
  prompt: string;
  /** How many came with the prompt; they are numbered from 1. */
  images: number;
  by: string;
  at: string;
  model: string;
  mode: Mode;
  /** The attempt of the turn before that this one goes on from. */
  follows: number | null;
  /** The step of it after which this one goes on; null = its end. */
  fromStep: number | null;
  /** The turn that this one asks again, from where that one began. */
  retryOf: number | null;
  attempts: AttemptView[];
  /** The attempt that somebody has chosen. */
  chosen: number | null;
};

/** What every surface shows of a task; made from its events alone. */
export type TranscriptView = {
  title: string;
  mode: Mode;
  model: string;
  /** Nobody has named it. */
  modelIsUsual: boolean;
  environment: { name: string; version: number } | null;
  createdBy: string;
  createdAt: string;
  turns: TurnView[];
  /** Those of the last turn. */
  attempts: AttemptView[];
  publication: PublicationState | null;
  archived: boolean;
  /** The last event taken in; 0 = none. Changes with every change of the view. */
  lastSeq: number;
};

export function emptyTranscript(): TranscriptView {
  return {
    title: "",
    mode: "code",
    model: "",
    modelIsUsual: false,
    environment: null,
    createdBy: "",
    createdAt: "",
    turns: [],
    attempts: [],
    publication: null,
    archived: false,
    lastSeq: 0,
  };
}

/** An exit in words, as `exit 1`. */
export function exitInWords(exit: Exit): string {
  switch (exit.kind) {
    case "exited":
      return `exit ${exit.code}`;
    case "signalled":
      return `ended by ${exit.signal}`;
    case "timed-out":
      return "timed out";
    case "cancelled":
      return "cancelled";
    default:
      return exit satisfies never;
  }
}

export type Resumed = Extract<EventBody, { type: "run.resumed" }>;

/** How a later run went on, as `resumed at step 3 (run 2)`. */
export function resumedInWords({ fromStep, keptUntil, lost }: Resumed, run: number): string {
  const why = lost === null ? "" : `: ${lost}`;
  return keptUntil === 0 ? `started again (run ${run})${why}` : `resumed at step ${fromStep} (run ${run})${why}`;
}

/** What the loop told the agent, in a line. */
export function toldInWords({ about, text }: Extract<EventBody, { type: "agent.told" }>): string {
  if (about === "checks") return "checks failed, and the agent was told what they showed";
  if (about === "setup") return "setup failed: the agent works without what it would have left, and was told so";
  if (about === "instructions") return `instructions: ${(text.split("\n")[0] ?? "").replace(/:$/, "")}`;
  return `the agent was told: ${text}`;
}

/** That the conversation was shortened, with the summary after the first line. */
export function compactedInWords(body: Extract<EventBody, { type: "context.compacted" }>): string {
  const tokens = (count: number) => `${Math.max(1, Math.round(count / 1000))}k`;
  return `conversation shortened from about ${tokens(body.tokensBefore)} to ${tokens(body.tokensAfter)} tokens; what the agent keeps in mind:\n${body.summary}`;
}
