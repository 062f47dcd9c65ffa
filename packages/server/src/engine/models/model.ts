import type { Exit, Usage } from "@farhand/protocol";
import type { Json } from "../text.ts";

/** `id` is the provider's and pairs the call with its result within one conversation. Arguments that were no JSON come as the string they were. */
export type ToolCall = { id: string; name: string; input: Json };

/** `state` is what the provider wants back unread, such as encrypted reasoning. */
export type AssistantMessage = { role: "assistant"; text: string; calls: readonly ToolCall[]; state?: Json };

/** A picture that a user gave with a message. `data` is base64. */
export type Image = { mediaType: "image/png" | "image/jpeg" | "image/gif" | "image/webp"; data: string };

export type Message =
  | { role: "user"; text: string; images?: readonly Image[] }
  | AssistantMessage
  /** `exit` is how the command ended, where the tool ran one. */
  | { role: "tool"; call: string; tool: string; text: string; isError: boolean; exit: Exit | null };

export type ToolDescription = { name: string; description: string; parameters: Readonly<Record<string, unknown>> };

export type ModelRequest = { system: string; messages: readonly Message[]; tools: readonly ToolDescription[] };

/**
 * How a reply ended: `complete`; `cut-off` at the provider's output limit, so that its last call may be half; `gave-up`: the model
 * says that the work is not done and that it will not go on.
 */
export type Ending = { kind: "complete" } | { kind: "cut-off" } | { kind: "gave-up"; detail: string };

export type ModelPart =
  | { type: "text"; delta: string }
  | { type: "call"; call: ToolCall }
  | { type: "finish"; usage: Usage; ending: Ending; state?: Json };

/** One model of one provider: knows wire formats, nothing of tasks. Holds no state between requests. */
export interface Model {
  /**
   * The last part is `finish`. A request that failed for good (retries are the model's own affair) throws, with a message that a user
   * can read and that holds no key. Throws soon after the signal aborts.
   */
  respond(request: ModelRequest, signal: AbortSignal): AsyncIterable<ModelPart>;
}

export const NO_USAGE: Usage = { inputTokens: null, cachedTokens: null, outputTokens: null, reasoningTokens: null, costUsd: null };
