import type { Effort, Exit, ImageType, ModelFacts, Usage } from "@farhand/protocol";
import type { Json } from "../text.ts";

/** `id` is the provider's and pairs the call with its result within one conversation. Arguments that were no JSON come as the string they were. */
export type ToolCall = { id: string; name: string; input: Json };

/** `state` is what the provider wants back unread, such as encrypted reasoning. */
export type AssistantMessage = { role: "assistant"; text: string; calls: readonly ToolCall[]; state?: Json };

/** A picture that a user gave with a message. `data` is base64. */
export type Image = { mediaType: ImageType; data: string };

export type Message =
  /** `reply`: the id of what a user said in the middle of the work. `note`: of the loop that the model works in, not of a person; `instructions`: the file that it gives. */
  | { role: "user"; text: string; reply?: string; note?: true; instructions?: string; images?: readonly Image[] }
  | AssistantMessage
  /** `exit` is how the command ended, where the tool ran one. `isCutOff`: the machine was lost before the call had ended. */
  | { role: "tool"; call: string; tool: string; text: string; isError: boolean; exit: Exit | null; isCutOff?: true };

/** What begins a turn. */
export function isPrompt(message: { role: string; reply?: string; note?: true }): boolean {
  return message.role === "user" && message.reply === undefined && !message.note;
}

export type ToolDescription = { name: string; description: string; parameters: Readonly<Record<string, unknown>> };

/** `effort` absent: as the provider sees fit. */
export type ModelRequest = { system: string; messages: readonly Message[]; tools: readonly ToolDescription[]; effort?: Effort };

/**
 * How a reply ended: `complete`; `cut-off` at the provider's output limit, so that its last call may be half; `gave-up`: the model
 * says that the work is not done and that it will not go on.
 */
export type Ending = { kind: "complete" } | { kind: "cut-off" } | { kind: "gave-up"; detail: string };

/** The request failed in a way that may pass, and is sent again after `waitMs`. */
export type Retried = { type: "retried"; detail: string; waitMs: number };

export type ModelPart =
  | { type: "text"; delta: string }
  | { type: "call"; call: ToolCall }
  /** All parts before it are void. */
  | Retried
  | { type: "finish"; usage: Usage; ending: Ending; state?: Json };

/** The conversation has outgrown what the model can read. The same request would fail again; a shorter one may not. */
export class ContextFull extends Error {
  override readonly name = "ContextFull";
}

/** One model of one provider: knows wire formats, nothing of tasks. Holds no state between requests. */
export interface Model {
  readonly facts: ModelFacts;
  /**
   * The last part is `finish`. A request that failed for good (retries are the model's own affair) throws, with a message that a user
   * can read and that holds no key; ContextFull where the conversation is too long. Throws soon after the signal aborts.
   */
  respond(request: ModelRequest, signal: AbortSignal): AsyncIterable<ModelPart>;
}

/** A sentence for the user who named a wrong model. */
export type UnknownModel = { unknown: string };

/** The model of that name, or why there is none. */
export type FindModel = (name: string) => Promise<Model | UnknownModel> | Model | UnknownModel;

export const NO_USAGE: Usage = { inputTokens: null, cachedTokens: null, outputTokens: null, reasoningTokens: null, costUsd: null };
