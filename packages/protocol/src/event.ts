import { z } from "zod";
import { NetworkRequested } from "./network.ts";
import { DiffStats, FailureReason, Mode, Phase } from "./task.ts";

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

/** What an engine may report while it works. The last one is always `engine.stopped`. */
export const EngineEvent = z.discriminatedUnion("type", [
  z.object({ type: z.literal("step.started"), step: z.int(), model: text }),
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
  z.object({
    type: z.literal("engine.stopped"),
    reason: z.enum(["done", "gave-up", "step-limit", "model-failed"]),
    detail: text,
    steps: z.int(),
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
  z.object({ type: z.literal("setup.started"), script: z.enum(["setup", "maintenance"]), text }),
  /** `dropped` bytes in front of this chunk are in the stored output only. */
  z.object({ type: z.literal("setup.output"), stream: z.enum(["stdout", "stderr"]), text, dropped: z.int().optional() }),
  z.object({ type: z.literal("setup.finished"), exit: Exit, durationMs: z.int(), output: StoredOutput.nullable() }),
  NetworkRequested,
  z.object({ type: z.literal("base.resolved"), commit: text, ref: text }),
  z.object({ type: z.literal("attempt.succeeded"), patch: text, bytes: z.int(), stats: DiffStats }),
  z.object({ type: z.literal("attempt.failed"), reason: FailureReason, patch: text.nullable(), stats: DiffStats.nullable() }),
  z.object({ type: z.literal("attempt.cancelled") }),
]);
export type RunEvent = z.infer<typeof RunEvent>;

/** What people and publications add to the log. */
export const ControlEvent = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("task.created"),
    title: text,
    mode: Mode,
    model: text,
    environment: text,
    environmentVersion: z.int(),
    attempts: z.int(),
    by: text,
  }),
  z.object({ type: z.literal("turn.started"), turn: z.int(), prompt: text, by: text }),
  z.object({ type: z.literal("cancel.requested"), by: text }),
  z.object({ type: z.literal("task.archived"), by: text }),
  z.object({ type: z.literal("task.unarchived"), by: text }),
  z.object({ type: z.literal("publication.asked"), branch: text, by: text }),
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
