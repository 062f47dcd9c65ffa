import { z } from "zod";

/** How much a model thinks before it answers. Which of them a model knows stands in its facts. */
export const Effort = z.enum(["none", "minimal", "low", "medium", "high", "xhigh", "max"]);
export type Effort = z.infer<typeof Effort>;

const dollars = z.number().min(0);
const rates = {
  input: dollars,
  /** Input that the provider had cached. */
  cachedInput: dollars,
  /** Input that it has put into its cache. */
  cacheWrite: dollars,
  output: dollars,
};

/** US dollars per million tokens. `long`: what a request with more than `above` tokens of input costs, all of it. */
export const Prices = z.strictObject({ ...rates, long: z.strictObject({ above: z.int().min(1), ...rates }).optional() });
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

/** The models that a task may have, and the one it has when nobody chooses. */
export const ModelList = z.object({ models: z.array(ModelFacts), default: z.string() });
export type ModelList = z.infer<typeof ModelList>;

/** A provider as its workers see it. The key itself is never shown. */
export const ModelProvider = z.object({
  provider: z.enum(["openai", "anthropic", "compatible"]),
  /** Where it is asked; null = nowhere yet. */
  baseUrl: z.string().nullable(),
  /** Where its key was set; null = it has none. */
  key: z.enum(["settings", "environment"]).nullable(),
  /** Its models that may be chosen; empty = all that are known of it. */
  models: z.array(z.string()),
  /** How many models of it can be chosen now, and why there are none; null = not known yet. */
  available: z.int().nullable(),
  trouble: z.string().nullable(),
});
export type ModelProvider = z.infer<typeof ModelProvider>;
export const ModelSettings = z.object({ providers: z.array(ModelProvider), default: z.string().nullable() });
export type ModelSettings = z.infer<typeof ModelSettings>;

/** Only what is named changes. The key goes with the address: a new address forgets it. null forgets what was set here. */
export const ModelProviderChange = z
  .strictObject({
    key: z
      .string()
      .regex(/^[\x21-\x7e]{1,4000}$/, "must be one word of printable ASCII")
      .nullable(),
    baseUrl: z
      .url({ protocol: /^https?$/, error: "must be an address such as https://example.org/v1" })
      .max(2000)
      .nullable(),
    models: z.array(z.string().regex(/^[\x21-\x7e]{1,180}$/, "must be the name of a model, as the provider writes it")).max(200),
  })
  .partial();
export type ModelProviderChange = z.input<typeof ModelProviderChange>;

/** null: the first one that can be asked. */
export const DefaultModel = z.strictObject({ default: z.string().min(1).max(200).nullable() });

export const ModelTry = z.strictObject({ model: z.string().min(1).max(200) });
/** What came of a small request: the reply, or why there was none. */
export const ModelTried = z.object({ ok: z.boolean(), said: z.string(), durationMs: z.int(), costUsd: z.number().nullable() });
export type ModelTried = z.infer<typeof ModelTried>;
