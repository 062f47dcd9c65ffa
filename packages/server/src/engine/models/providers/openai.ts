import { createHash } from "node:crypto";
import { createOpenAI } from "@ai-sdk/openai";
import { fetchThere, type Provider } from "./provider.ts";

/** OpenAI's Responses API. Nothing is stored there: reasoning comes encrypted, and is sent back with the next request. */
export const openai: Provider = {
  name: "openai",
  title: "OpenAI",
  defaultBaseUrl: "https://api.openai.com/v1",
  needsKey: true,
  space: "openai",
  marksErrors: false,
  open: ({ baseUrl, key }, model) => createOpenAI({ baseURL: baseUrl, apiKey: key?.reveal() ?? "", fetch: fetchThere }).responses(model),
  options(prompt) {
    // Requests of one conversation begin alike; the same key brings them to the machine that has the beginning cached.
    const beginning = JSON.stringify(prompt.slice(0, 2));
    const promptCacheKey = createHash("sha256").update(beginning).digest("hex").slice(0, 32);
    return { openai: { store: false, promptCacheKey, reasoningSummary: null } }; // summaries are for verified accounts only
  },
};
