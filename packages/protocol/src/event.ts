import { z } from "zod";
import { LimitReached } from "./limits.ts";
import { Effort } from "./model.ts";
import { NetworkRequested } from "./network.ts";
import { RunRecipe } from "./recipe.ts";
import { DiffStats, FailureReason, Mode, Phase, SetupScriptName } from "./task.ts";

const text = z.string();

/** Tokens and money of one model request; null = the provider did not say. */
export const Usage = z.object({
  inputTokens: z.int().nullable(),
  cachedTokens: z.int().nullable(),
  outputTokens: z.int().nullable(),
  reasoningTokens: z.int().nullable(),
  costUsd: z.number().nullable(),
});
export type Usage = z.infer<typeof Usage>;

export const Exit = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("exited"), code: z.int() }),
  z.object({ kind: z.literal("signalled"), signal: text }),
  z.object({ kind: z.literal("timed-out") }),
  z.object({ kind: z.literal("cancelled") }),
]);
export type Exit = z.infer<typeof Exit>;

/** Where a whole output is stored. */
const StoredOutput = z.object({ blob: text, bytes: z.int(), truncated: z.boolean() });

/** What an agent asks its user: `call` as in the events, `id` as its model knows the call. */
export const Question = z.object({ call: text, id: text, text, options: z.array(text) });
export type Question = z.infer<typeof Question>;

/** What an engine may report while it works. The last one is always `engine.stopped`. */
export const EngineEvent = z.discriminatedUnion("type", [
  /** `purpose`: absent = to go on with the work. */
  z.object({ type: z.literal("step.started"), step: z.int(), model: text, purpose: z.literal("summary").optional() }),
  /** The request failed in a way that may pass, and is sent again after `waitMs`. What had come of the reply is void. */
  z.object({ type: z.literal("model.retried"), step: z.int(), detail: text, waitMs: z.int() }),
  /** The model has replied; the calls that it asked for come next. `durationMs`: of the request. */
  z.object({ type: z.literal("step.answered"), step: z.int(), usage: Usage, durationMs: z.int() }),
  /** What the model said, whole. */
  z.object({ type: z.literal("message"), step: z.int(), text }),
  z.object({ type: z.literal("tool.started"), step: z.int(), call: text, tool: text, input: z.json() }),
  /** `dropped` bytes in front of this chunk are in the stored output only. */
  z.object({ type: z.literal("tool.output"), call: text, stream: z.enum(["stdout", "stderr"]), text, dropped: z.int().optional() }),
  z.object({
    type: z.literal("tool.finished"),
    call: text,
    isError: z.boolean(),
    /** What the model was told. */
    result: text,
    exit: Exit.nullable(),
    durationMs: z.int(),
    /** The whole output, where it is stored. */
    output: StoredOutput.nullable(),
  }),
  /** The loop told the model this: that it goes round in circles, that checks have failed, or what a file of instructions says. */
  z.object({ type: z.literal("agent.told"), step: z.int(), about: z.enum(["stuck", "checks", "instructions", "setup"]), text }),
  /** The conversation neared the end of what the model can read: from here on it has this summary in its place. Tokens are estimates. */
  z.object({ type: z.literal("context.compacted"), step: z.int(), summary: text, tokensBefore: z.int(), tokensAfter: z.int() }),
  /** The model is given what somebody sent while it worked. */
  z.object({ type: z.literal("reply.given"), reply: text }),
  z.object({
    type: z.literal("engine.stopped"),
    /** `step-limit`: of old, now `budget-reached` with the limit. */
    reason: z.enum(["done", "gave-up", "stuck", "budget-reached", "step-limit", "model-failed", "stopped", "asks"]),
    detail: text,
    steps: z.int(),
    limit: LimitReached.optional(),
    /** With `asks`. */
    question: Question.optional(),
  }),
]);
export type EngineEvent = z.infer<typeof EngineEvent>;

/** What a run reports about itself. */
export const RunEvent = z.discriminatedUnion("type", [
  z.object({ type: z.literal("run.started"), worker: text }),
  /** The run was cut off; the attempt is queued again. */
  z.object({ type: z.literal("run.interrupted"), detail: text }),
  /**
   * A later run goes on: what came until event `keptUntil` still counts, and the work after it is as if it had never been. `fromStep`: its next
   * step. `lost`: why work is lost that should have been kept, else null.
   */
  z.object({ type: z.literal("run.resumed"), fromStep: z.int(), keptUntil: z.int(), lost: text.nullable() }),
  /** The working tree could not be saved; were the run cut off now, it would go on from the last time that it could. */
  z.object({ type: z.literal("checkpoint.failed"), detail: text }),
  z.object({ type: z.literal("phase.started"), phase: Phase, limitMs: z.int() }),
  z.object({ type: z.literal("phase.progress"), phase: Phase, text }),
  z.object({ type: z.literal("phase.finished"), phase: Phase, durationMs: z.int(), note: text }),
  z.object({ type: z.literal("setup.started"), script: SetupScriptName, text }),
  /** `dropped` bytes in front of this chunk are in the stored output only. */
  z.object({ type: z.literal("setup.output"), stream: z.enum(["stdout", "stderr"]), text, dropped: z.int().optional() }),
  z.object({
    type: z.literal("setup.finished"),
    exit: Exit,
    durationMs: z.int(),
    output: StoredOutput.nullable(),
    /** What it left for the agent's commands in FARHAND_ENV. */
    variables: z.record(text, text).optional(),
  }),
  /** By what the run works, once the repository had its say. */
  z.object({ type: z.literal("recipe.resolved"), recipe: RunRecipe }),
  NetworkRequested,
  z.object({ type: z.literal("base.resolved"), commit: text, ref: text }),
  /** The agent waits for its user; what it has changed until now can be looked at. */
  z.object({ type: z.literal("attempt.awaiting"), question: text, options: z.array(text), patch: text, stats: DiffStats }),
  z.object({ type: z.literal("question.answered"), question: text, text, by: text }),
  /** The attempt ended before it could be given a reply. */
  z.object({ type: z.literal("reply.missed"), reply: text }),
  /** The whole change in words, for its commit and its pull request. `step`: counts on from the agent's. */
  z.object({ type: z.literal("change.described"), step: z.int(), title: text, text, usage: Usage, durationMs: z.int() }),
  /** `stopped`: by somebody, before the agent was done. */
  z.object({ type: z.literal("attempt.succeeded"), patch: text, bytes: z.int(), stats: DiffStats, stopped: z.boolean().optional() }),
  z.object({ type: z.literal("attempt.failed"), reason: FailureReason, patch: text.nullable(), stats: DiffStats.nullable() }),
  z.object({ type: z.literal("attempt.cancelled") }),
  /** What stood here was removed long after the task was archived. */
  z.object({ type: z.literal("event.removed") }),
]);
export type RunEvent = z.infer<typeof RunEvent>;

/** What people and publications add to the log. */
export const ControlEvent = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("task.created"),
    title: text,
    mode: Mode,
    model: text,
    /** Nobody named the model: it was the usual one. */
    modelIsUsual: z.literal(true).optional(),
    /** Absent: as the provider sees fit. */
    effort: Effort.optional(),
    environment: text,
    environmentVersion: z.int(),
    attempts: z.int(),
    by: text,
  }),
  z.object({
    type: z.literal("turn.started"),
    turn: z.int(),
    prompt: text,
    by: text,
    /** Absent in the first turn, whose task says it. */
    attempts: z.int().optional(),
    /** The attempt of the turn before that this one goes on from. */
    follows: z.int().optional(),
    /** It goes on from after this step of that attempt; absent = from its end. */
    fromStep: z.int().optional(),
    /** The turn that this one asks again, from where that one began. */
    retryOf: z.int().optional(),
    /** From here on the task works by this version of its environment; absent = by the same as before. */
    environmentVersion: z.int().optional(),
    model: text.optional(),
    mode: Mode.optional(),
    /** Absent in the first turn, whose task says it; else: as the provider sees fit. */
    effort: Effort.optional(),
    /** So many pictures came with the prompt; absent = none. */
    images: z.int().optional(),
  }),
  z.object({ type: z.literal("turn.chosen"), turn: z.int(), attempt: z.int(), by: text }),
  /** What somebody said while the agent worked; `attempt` null = to all of the turn. */
  z.object({ type: z.literal("reply.sent"), reply: text, turn: z.int(), attempt: z.int().nullable(), text, by: text }),
  z.object({ type: z.literal("stop.requested"), by: text }),
  z.object({ type: z.literal("cancel.requested"), by: text }),
  /** Its change has a title of its own, in the place of the one from its prompt. */
  z.object({ type: z.literal("task.titled"), title: text }),
  z.object({ type: z.literal("task.archived"), by: text }),
  z.object({ type: z.literal("task.unarchived"), by: text }),
  /** Which attempt of which turn is published; absent = the first of the first. */
  z.object({ type: z.literal("publication.asked"), branch: text, by: text, turn: z.int().optional(), attempt: z.int().optional() }),
  z.object({ type: z.literal("publication.started"), branch: text }),
  z.object({ type: z.literal("publication.published"), branch: text, commit: text }),
  z.object({ type: z.literal("publication.failed"), branch: text, detail: text }),
]);
export type ControlEvent = z.infer<typeof ControlEvent>;

export const EventBody = z.union([EngineEvent, RunEvent, ControlEvent]);
export type EventBody = z.infer<typeof EventBody>;

/** An immutable fact about a task. `seq` counts from 1 within the task, without gaps. */
export const TaskEvent = z.object({
  task: text,
  seq: z.int(),
  at: z.iso.datetime(),
  /** The turn of that attempt, from 1; null for events of the task as a whole. */
  turn: z.int().nullable(),
  /** The attempt's number within its turn, from 1; null for events of the task as a whole. */
  attempt: z.int().nullable(),
  run: z.int().nullable(),
  body: EventBody,
});
export type TaskEvent = z.infer<typeof TaskEvent>;
