import type { Effort, EngineEvent, Mode, Usage } from "@farhand/protocol";
import type { Budget, Used } from "../domain/budget.ts";
import type { NetworkRequest, NetworkRule, Sandbox } from "../sandbox/sandbox.ts";
import type { Spoken } from "./compaction.ts";
import type { Instructions } from "./context/instructions.ts";
import type { Description, Work } from "./describe.ts";

export type EngineInput = {
  /**
   * What the model was told and said before, in order: ends with a user's message, or with the results of tools where a run was cut off after them.
   * Calls may have no result: they were cut off, and whether they did anything is unknown; so the last message may be the model's own.
   */
  conversation: readonly Spoken[];
  model: string;
  /** Absent: as the provider sees fit. */
  effort?: Effort;
  /** Absent: `code`. */
  mode?: Mode;
  /** The system in the sandbox, in a sentence. */
  machine?: string;
  /** What is known of the repository before anybody looks. */
  repository?: { map: string; instructions: readonly Instructions[] };
  /** How setup failed, in words: nothing of it is there. Absent: it did not. */
  setupFailed?: string;
  /** Where commands start: the working tree, an absolute path in the sandbox. */
  workspace: string;
  /** Steps that this attempt has taken before, in runs that were cut off. */
  stepsBefore: number;
  /** What this attempt has used besides its steps, in runs before. */
  usedBefore: Omit<Used, "steps">;
  /** Looked at before each request; at a limit the work stops and is kept. */
  budget: Budget;
  /** Commands that are run before the work counts as finished; the model mends what they show. */
  checks?: readonly string[];
  /** The conversation began on another machine: of that, this one has the working tree only. Absent = no. */
  machineIsNew?: boolean;
  /** The turn begins in the middle of what the one before it did and said; what came after that is not in the conversation. Absent = no. */
  wentBack?: boolean;
  /** The conversation was ended or paused and goes on on the same machine: of that, only what tools had running is gone. Absent = no. */
  machineStands?: boolean;
  /** What the sandbox may reach. Absent = nothing. */
  network?: NetworkRule;
};

/** Where a whole output is kept. `truncated`: it was longer than what may be stored. */
export type StoredOutput = { blob: string; bytes: number; truncated: boolean };

/** Keeps a command's whole output while it comes. `write` may be called until `close`; over the size limit the rest is dropped and `truncated` set. */
export interface OutputSink {
  write(bytes: Uint8Array): Promise<void>;
  /** Called exactly once, also when the command was cut off. null: there was nothing to keep. */
  close(): Promise<StoredOutput | null>;
}

/** What a run gives to an engine besides the sandbox. `call` is as in the events, unique within the run. */
export type EngineParts = {
  storeOutput: (call: string) => OutputSink;
  /** What users have said to this attempt and its model was not given yet, the oldest first. What is `said` with its id was given. Absent: nothing. */
  replies?: () => Promise<readonly { id: string; text: string }[]>;
  /** The requests to the network that were refused since it was last called, the equal ones once. Absent: there are none. */
  refusals?: () => readonly NetworkRequest[];
  /** Whether the working tree is known to be just what the repository had: then there is nothing to check. Absent: it is not known. */
  isUnchanged?: () => Promise<boolean>;
  /** Told what the model writes of its reply to a step, as it comes. It is void with the next report: then it stands in that, or was for nothing. Absent: nobody looks. */
  writing?: (step: number, text: string) => void;
  /** Asks the engine to come to its end at once, with the reason `stopped`: a request is left, what runs is stopped and told to the model so. Absent: nobody does. */
  finish?: AbortSignal;
};

/**
 * Something that happened: events for the log, in order and never none, and what the conversation grew by. It is stored whole before the engine goes on,
 * except what a tool changed and the start of the step after it: they are stored before the next report is taken.
 * A reply after which the engine stops is in one report with its `engine.stopped`.
 * `mayHaveChanged`: the working tree may not be what it was at the last report.
 */
export type Progress = { events: readonly EngineEvent[]; said?: readonly Spoken[]; mayHaveChanged?: boolean };

/** What turns a prompt and a sandbox into work. */
export interface Engine {
  /**
   * Works until the agent stops or a limit is reached; the very last event is always "engine.stopped". Rejects on abort (with its reason),
   * on SandboxLost, and with what a part threw; on nothing else.
   */
  run(input: EngineInput, sandbox: Sandbox, parts: EngineParts, signal: AbortSignal): AsyncIterable<Progress>;
  /** The whole change in words, and what finding them used. null: nothing could be said. Rejects on abort only. */
  describe(model: string, work: Work, signal: AbortSignal): Promise<{ description: Description | null; usage: Usage } | null>;
}
