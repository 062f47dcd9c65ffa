import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { fetchThere, type Provider } from "./provider.ts";

/** Any server that speaks OpenAI's Chat Completions: Ollama, vLLM, llama.cpp, OpenRouter and others. */
export const compatible: Provider = {
  name: "compatible",
  title: "the compatible server",
  defaultBaseUrl: null,
  needsKey: false,
  space: "compatible",
  marksErrors: false,
  open: ({ baseUrl, key }, model) =>
    createOpenAICompatible({
      name: "compatible",
      baseURL: baseUrl,
      includeUsage: true,
      fetch: fetchThere,
      ...(key && { apiKey: key.reveal() }),
    })(model),
  options: () => ({}),
};
