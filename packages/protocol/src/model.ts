import { z } from "zod";

/** How much a model thinks before it answers. Which of them a model knows stands in its facts. */
export const Effort = z.enum(["none", "minimal", "low", "medium", "high", "xhigh", "max"]);
export type Effort = z.infer<typeof Effort>;

/** US dollars per million tokens. */
export const Prices = z.object({
  input: z.number().min(0),
  /** Input that the provider had cached. */
  cachedInput: z.number().min(0),
  /** Input that it has put into its cache. */
  cacheWrite: z.number().min(0),
  output: z.number().min(0),
});
export type Prices = z.infer<typeof Prices>;

/** What is known of a model; null = unknown, never guessed. */
export const ModelFacts = z.object({
  /** `script`, or the provider and its own name of the model, as `anthropic/claude-opus-5`. */
  name: z.string(),
  provider: z.enum(["script", "openai", "anthropic", "compatible"]),
  /** Tokens that request and reply may have together. */
  contextTokens: z.int().min(1).nullable(),
  maxOutputTokens: z.int().min(1).nullable(),
  prices: Prices.nullable(),
  /** Empty = it has no such choice, or none is known. */
  efforts: z.array(Effort),
});
export type ModelFacts = z.infer<typeof ModelFacts>;

/** A request to a model that failed and is sent again, as a line for people. `detail` is hostile data. */
export function retryInWords({ detail, waitMs }: { detail: string; waitMs: number }): string {
  const seconds = waitMs < 10_000 ? Math.round(waitMs / 100) / 10 : Math.round(waitMs / 1000);
  return `the model did not answer (${detail}); asked again after ${seconds} s`;
}
