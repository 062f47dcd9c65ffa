import { z } from "zod";
import { TurnLimits } from "./limits.ts";

/** From the middle of what there was to what four of five stayed within. */
const Span = z.object({ median: z.number(), most: z.number() });

/** What one attempt of a new task is likely to take, by `attempts` that went well before. */
export const Estimate = z.object({
  attempts: z.int(),
  /** Whether all of them had the model that was asked about. */
  sameModel: z.boolean(),
  /** Of work: without the time in the queue, and the time that somebody took to answer. */
  minutes: Span,
  /** null: the price was not known often enough. */
  costUsd: Span.nullable(),
});
export type Estimate = z.infer<typeof Estimate>;

/** `estimate` null: too little has been done yet. `limits`: what an attempt may use where its task names no limits of its own. */
export const EstimateAnswer = z.object({ estimate: Estimate.nullable(), limits: TurnLimits.required() });
export type EstimateAnswer = z.infer<typeof EstimateAnswer>;
