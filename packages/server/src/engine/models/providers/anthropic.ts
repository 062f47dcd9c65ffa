import { createAnthropic } from "@ai-sdk/anthropic";
import { fetchThere, type Provider } from "./provider.ts";

const CACHED = { anthropic: { cacheControl: { type: "ephemeral" } } };

/** These check that nothing before a thinking block has changed, and else refuse the request unless told to leave the block out. */
const BINDS_THINKING = /^claude-(fable-5-[12]|mythos-5-[12]|(opus|sonnet|haiku)-5-5)/;

/** Anthropic's Messages API, with prompt caching; thinking blocks are kept, and sent back with the next request. */
export const anthropic: Provider = {
  name: "anthropic",
  title: "Anthropic",
  defaultBaseUrl: "https://api.anthropic.com",
  needsKey: true,
  space: "anthropic",
  marksErrors: true,
  open: ({ baseUrl, key }, model) =>
    createAnthropic({ baseURL: versioned(baseUrl), apiKey: key?.reveal() ?? "", fetch: fetchThere }).messages(model),
  /**
   * Marks where the cache is to reach: tools and system, the end, and the message before the last reply, where the last request ended: a step
   * with many calls may lie further behind than the cache looks back from the end.
   */
  options(prompt, model) {
    const lastReply = prompt.findLastIndex((message) => message.role === "assistant");
    const ends = [prompt.findIndex((message) => message.role === "system"), lastReply - 1, prompt.length - 1];
    for (const end of new Set(ends)) {
      const message = prompt[end];
      if (message && message.role !== "assistant") message.providerOptions = CACHED;
    }
    return BINDS_THINKING.test(model) ? { anthropic: { thinking: { blockBinding: { prefixMismatchBehavior: "drop_block" } } } } : {};
  },
};

/** Others leave the version out of ANTHROPIC_BASE_URL, and this library wants it in. */
function versioned(baseUrl: string): string {
  const url = baseUrl.replace(/\/+$/, "");
  return url.endsWith("/v1") ? url : `${url}/v1`;
}
