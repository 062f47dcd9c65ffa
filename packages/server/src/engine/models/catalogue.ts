import type { ModelFacts } from "@farhand/protocol";
import type { ProviderName } from "./providers/provider.ts";

/** What is known of a provider's model; all of it null where it is not in the catalogue. */
export function factsOf(provider: ProviderName, id: string): ModelFacts {
  return { name: `${provider}/${id}`, provider, contextTokens: null, maxOutputTokens: null, prices: null, efforts: [] };
}
