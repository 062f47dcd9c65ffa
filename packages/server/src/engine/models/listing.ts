import type { ModelFacts } from "@farhand/protocol";
import { z } from "zod";
import { isModelName } from "../../domain/models.ts";
import { factsOf } from "./catalogue.ts";
import type { Connection } from "./providers/provider.ts";

const LIMIT_MS = 10_000;
const MOST_BYTES = 20_000_000;
const MOST_MODELS = 1000;

const perToken = z.coerce.number().min(0).optional().catch(undefined);
const size = z.int().min(1).optional().catch(undefined);
/** What servers say of their models beside the name: OpenRouter size and prices, vLLM the size. */
const Listing = z.object({
  data: z
    .array(
      z.object({
        id: z.string().min(1),
        context_length: size,
        max_model_len: size,
        top_provider: z.object({ max_completion_tokens: size }).optional().catch(undefined),
        pricing: z
          .object({ prompt: perToken, completion: perToken, input_cache_read: perToken, input_cache_write: perToken })
          .optional()
          .catch(undefined),
      }),
    )
    .nullable(),
});
type Listed = NonNullable<z.infer<typeof Listing>["data"]>[number];

/** The models that a compatible server says it has, with what it and the catalogue say of them. Throws with a sentence where it does not say. */
export async function listModels(
  { baseUrl, key }: Connection,
  catalogue: readonly ModelFacts[],
  signal: AbortSignal,
): Promise<ModelFacts[]> {
  const response = await fetch(`${baseUrl.replace(/\/+$/, "")}/models`, {
    headers: { accept: "application/json", ...(key && { authorization: `Bearer ${key.reveal()}` }) },
    redirect: "error",
    signal: AbortSignal.any([signal, AbortSignal.timeout(LIMIT_MS)]),
  }).catch((error: Error) => {
    signal.throwIfAborted();
    throw new Error(`${baseUrl} does not answer: ${error.cause instanceof Error ? error.cause.message : error.message}`);
  });
  if (!response.ok) {
    await response.body?.cancel();
    throw new Error(`${baseUrl}/models answers with status ${response.status}`);
  }
  const listing = Listing.safeParse(await jsonOf(response).catch(() => null));
  if (!listing.success) throw new Error(`${baseUrl}/models answers, but with no list of models: does the address end in /v1?`);
  return (listing.data.data ?? [])
    .filter(({ id }) => isModelName(`compatible/${id}`))
    .slice(0, MOST_MODELS)
    .map((listed) => factsOfListed(listed, catalogue));
}

function factsOfListed(listed: Listed, catalogue: readonly ModelFacts[]): ModelFacts {
  const known = factsOf("compatible", listed.id, catalogue);
  return {
    ...known,
    contextTokens: known.contextTokens ?? listed.context_length ?? listed.max_model_len ?? null,
    maxOutputTokens: known.maxOutputTokens ?? listed.top_provider?.max_completion_tokens ?? null,
    prices: known.prices ?? pricesOf(listed),
  };
}

function pricesOf({ pricing }: Listed): ModelFacts["prices"] {
  const { prompt, completion, input_cache_read = prompt, input_cache_write = prompt } = pricing ?? {};
  if (prompt === undefined || completion === undefined) return null;
  const perMillion = (rate = 0) => Math.round(rate * 1e12) / 1e6;
  return {
    input: perMillion(prompt),
    cachedInput: perMillion(input_cache_read),
    cacheWrite: perMillion(input_cache_write),
    output: perMillion(completion),
  };
}

async function jsonOf(response: Response): Promise<unknown> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > MOST_BYTES) throw new Error("too long");
    chunks.push(chunk);
  }
  return JSON.parse(Buffer.concat(chunks).toString());
}
