import type { Effort, ModelFacts, Prices } from "@farhand/protocol";
import { Effort as EffortSchema, Prices as PricesSchema } from "@farhand/protocol";
import { z } from "zod";
import { isModelName } from "../../domain/models.ts";
import type { ProviderName } from "./providers/provider.ts";

const UP_TO_MAX: readonly Effort[] = ["low", "medium", "high", "xhigh", "max"];
const FROM_NONE: readonly Effort[] = ["none", ...UP_TO_MAX];
const TO_XHIGH: readonly Effort[] = ["none", "low", "medium", "high", "xhigh"];

/** The models take more, but a request with more input than this costs double. */
const OPENAI_CONTEXT = 272_000;
const CLAUDE_CONTEXT = 1_000_000;

const prices = (input: number, cachedInput: number, cacheWrite: number, output: number): Prices => ({
  input,
  cachedInput,
  cacheWrite,
  output,
});

const gpt = (id: string, price: Prices, efforts: readonly Effort[]): ModelFacts => ({
  name: `openai/${id}`,
  provider: "openai",
  contextTokens: OPENAI_CONTEXT,
  maxOutputTokens: 128_000,
  prices: price,
  efforts: [...efforts],
});

const claude = (
  id: string,
  price: Prices,
  efforts: readonly Effort[],
  size = { context: CLAUDE_CONTEXT, output: 128_000 },
): ModelFacts => ({
  name: `anthropic/${id}`,
  provider: "anthropic",
  contextTokens: size.context,
  maxOutputTokens: size.output,
  prices: price,
  efforts: [...efforts],
});

/**
 * Models whose facts are known; the first of each provider is the one to begin with. As of 22 November 2026, from the model and price pages at
 * developers.openai.com/api/docs/models, developers.openai.com/api/docs/pricing and platform.claude.com/docs/en/about-claude/pricing (cache writes
 * that last 5 minutes, standard service). An operator adds others, or other facts, in `models.json`.
 */
export const CATALOGUE: readonly ModelFacts[] = [
  gpt("gpt-6.2-sol", prices(2, 0.1, 2.5, 10), UP_TO_MAX),
  gpt("gpt-6.2-astra", prices(8, 0.4, 10, 40), UP_TO_MAX),
  gpt("gpt-6.1-terra", prices(1, 0.05, 1.25, 5), FROM_NONE),
  gpt("gpt-6.1-sol", prices(2, 0.1, 2.5, 10), UP_TO_MAX),
  gpt("gpt-6-astra", prices(10, 1, 12.5, 50), UP_TO_MAX),
  gpt("gpt-6-sol", prices(2, 0.2, 2.5, 10), FROM_NONE),
  gpt("gpt-6-luna", prices(0.1, 0.01, 0.125, 0.5), FROM_NONE),
  gpt("gpt-5.5", prices(5, 0.5, 5, 30), TO_XHIGH),
  gpt("gpt-5.4", prices(2.5, 0.25, 2.5, 15), TO_XHIGH),
  gpt("gpt-5.4-mini", prices(0.75, 0.075, 0.75, 4.5), TO_XHIGH),
  claude("claude-opus-5-5", prices(4, 0.2, 5, 20), UP_TO_MAX),
  claude("claude-fable-5-2", prices(8, 0.2, 10, 40), UP_TO_MAX),
  claude("claude-sonnet-5-5", prices(2, 0.1, 2.5, 10), UP_TO_MAX),
  claude("claude-haiku-5-5", { ...prices(0.1, 0.01, 0.125, 0.5), long: { above: 100_000, ...prices(0.5, 0.05, 0.625, 2.5) } }, UP_TO_MAX),
  claude("claude-fable-5-1", prices(10, 0.25, 12.5, 50), UP_TO_MAX),
  claude("claude-opus-5", prices(5, 0.5, 6.25, 25), UP_TO_MAX),
  claude("claude-sonnet-5", prices(2, 0.2, 2.5, 10), UP_TO_MAX),
  claude("claude-haiku-4-5", prices(1, 0.1, 1.25, 5), [], { context: 200_000, output: 64_000 }),
];

/** A model of `models.json`; what is not said is unknown. */
const Entry = z.strictObject({
  name: z.string().refine((name) => name !== "script" && isModelName(name), "must be as openai/..., anthropic/... or compatible/..."),
  contextTokens: z.int().min(1).nullable().default(null),
  maxOutputTokens: z.int().min(1).nullable().default(null),
  prices: PricesSchema.nullable().default(null),
  efforts: z.array(EffortSchema).default([]),
});
const File = z.strictObject({ models: z.array(Entry) });

/** The operator's models before ours; where both name one, the operator's counts. Throws where the text is not as it should be, saying where. */
export function withOperators(text: string): readonly ModelFacts[] {
  const parsed = File.safeParse(JSON.parse(text));
  if (!parsed.success) throw new Error(parsed.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join("; "));
  const own = parsed.data.models.map((entry): ModelFacts => ({ ...entry, provider: entry.name.split("/")[0] as ProviderName }));
  return [...own, ...CATALOGUE.filter(({ name }) => !own.some((one) => one.name === name))];
}

/** What is known of a provider's model; all of it null where it is not in the catalogue. */
export function factsOf(provider: ProviderName, id: string, catalogue: readonly ModelFacts[]): ModelFacts {
  const name = `${provider}/${id}`;
  const known = catalogue.find((facts) => facts.name === name);
  return known ?? { name, provider, contextTokens: null, maxOutputTokens: null, prices: null, efforts: [] };
}
