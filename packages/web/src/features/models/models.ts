import type { ModelFacts } from "@farhand/protocol";
import { queryOptions } from "@tanstack/react-query";
import { client } from "../../lib/api.ts";

/** The models that a task may have. */
export const modelsQuery = queryOptions({ queryKey: ["models"], queryFn: () => client.models(), staleTime: 30_000 });

/** What a million tokens cost, as `$4.00 in · $0.40 cached · $20.00 out`. */
export function pricesInWords(prices: ModelFacts["prices"]): string {
  if (prices === null) return "price unknown";
  if (prices.input === 0 && prices.output === 0) return "free";
  return `${price(prices.input)} in · ${price(prices.cachedInput)} cached · ${price(prices.output)} out`;
}

/** Prices go below a cent. */
function price(usd: number): string {
  return `$${usd.toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: 4 })}`;
}

export function contextInWords(tokens: number | null): string {
  if (tokens === null) return "unknown";
  return tokens >= 1_000_000 ? `${Math.round(tokens / 100_000) / 10}M` : `${Math.round(tokens / 1000)}k`;
}
