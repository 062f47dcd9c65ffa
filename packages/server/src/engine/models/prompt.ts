import type {
  LanguageModelV4CallOptions,
  LanguageModelV4FilePart,
  LanguageModelV4Message,
  LanguageModelV4ReasoningPart,
  LanguageModelV4TextPart,
  LanguageModelV4ToolCallPart,
  SharedV4ProviderMetadata,
} from "@ai-sdk/provider";
import type { AssistantMessage, Image, Message, ModelRequest, ToolCall } from "./model.ts";
import type { Provider } from "./providers/provider.ts";
import { Remembered } from "./remembered.ts";

type Prompt = LanguageModelV4CallOptions["prompt"];
type Part = LanguageModelV4TextPart | LanguageModelV4ReasoningPart | LanguageModelV4ToolCallPart;

/** The conversation as the provider packages want it. `model`: the full name of the one that is asked. */
export function promptOf({ system, messages }: ModelRequest, provider: Provider, model: string): Prompt {
  return [{ role: "system", content: system }, ...messages.flatMap((message) => asPrompt(message, provider, model) ?? [])];
}

function asPrompt(message: Message, provider: Provider, model: string): LanguageModelV4Message | null {
  switch (message.role) {
    case "user": {
      const text = message.text.trim() === "" ? "(no text)" : message.text;
      return { role: "user", content: [textPart(message.note ? asNote(text) : text), ...(message.images ?? []).map(filePart)] };
    }
    case "assistant": {
      const content = rememberedParts(message, model) ?? plainParts(message);
      return content.length === 0 ? null : { role: "assistant", content };
    }
    case "tool": {
      const { call: toolCallId, tool: toolName, text, isError } = message;
      const type = isError && provider.marksErrors ? "error-text" : "text";
      return { role: "tool", content: [{ type: "tool-result", toolCallId, toolName, output: { type, value: text || "(no output)" } }] };
    }
    default:
      return message satisfies never;
  }
}

/** So that a model knows the words of the loop from the user's. A log that is quoted in them cannot end the note. */
function asNote(text: string): string {
  return `<note>\n${text.replaceAll(/<(?=\/?note>)/g, "‹")}\n</note>`;
}

function plainParts({ text, calls }: AssistantMessage): Part[] {
  return [...(text.trim() === "" ? [] : [textPart(text)]), ...calls.map((call) => callPart(call))];
}

/** null: another model said it, or the message is not what it was. */
function rememberedParts({ text, calls, state }: AssistantMessage, model: string): Part[] | null {
  const remembered = Remembered.safeParse(state);
  if (!remembered.success || remembered.data.model !== model) return null;
  const content: Part[] = [];
  let at = 0;
  let call = 0;
  for (const part of remembered.data.parts) {
    if (part.kind === "reasoning") content.push({ type: "reasoning", text: part.text, ...optionsOf(part.metadata) });
    else if (part.kind === "text") {
      const piece = text.slice(at, at + part.length);
      at += part.length;
      if (piece.trim() !== "") content.push(textPart(piece, part.metadata)); // a blank one is refused
    } else {
      const of = calls[call++];
      if (!of) return null;
      content.push(callPart(of, part.metadata));
    }
  }
  return at === text.length && call === calls.length ? content : null;
}

function textPart(text: string, metadata?: SharedV4ProviderMetadata): LanguageModelV4TextPart {
  return { type: "text", text, ...optionsOf(metadata) };
}

function filePart({ mediaType, data }: Image): LanguageModelV4FilePart {
  return { type: "file", mediaType, data: { type: "data", data } };
}

/** Arguments that are no object are refused by some providers before the model sees them. */
function callPart({ id, name, input }: ToolCall, metadata?: SharedV4ProviderMetadata): LanguageModelV4ToolCallPart {
  const isObject = typeof input === "object" && input !== null && !Array.isArray(input);
  return { type: "tool-call", toolCallId: id, toolName: name, input: isObject ? input : { malformed: input }, ...optionsOf(metadata) };
}

function optionsOf(metadata: SharedV4ProviderMetadata | undefined) {
  return metadata === undefined ? {} : { providerOptions: metadata };
}
