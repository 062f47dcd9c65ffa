import type { LanguageModelV4StreamPart, LanguageModelV4Usage } from "@ai-sdk/provider";
import type { ModelFacts, Usage } from "@farhand/protocol";
import type { Json } from "../text.ts";
import { BadReply } from "./faults.ts";
import type { Ending, ModelPart } from "./model.ts";
import { openMemory } from "./remembered.ts";

/** A reply that is longer than this has no end. */
const MOST_CHARACTERS = 4_000_000;

type Finish = Extract<LanguageModelV4StreamPart, { type: "finish" }>;

/** A provider's stream as our parts. Throws what it calls an error, and where it has no end of its own: such a reply is not to be used. */
export async function* replyParts(stream: AsyncIterable<LanguageModelV4StreamPart>, facts: ModelFacts): AsyncGenerator<ModelPart> {
  const memory = openMemory();
  let characters = 0;
  for await (const part of stream) {
    if ("delta" in part) characters += part.delta.length;
    if (characters > MOST_CHARACTERS) throw new BadReply(`the reply has no end: ${MOST_CHARACTERS} characters have come`, false);
    memory.take(part);
    if (part.type === "text-delta") yield { type: "text", delta: part.delta };
    else if (part.type === "tool-call")
      yield { type: "call", call: { id: part.toolCallId, name: part.toolName, input: parsed(part.input) } };
    else if (part.type === "error") throw part.error;
    else if (part.type === "finish") {
      const state = memory.state(facts.name);
      yield { type: "finish", usage: usageOf(part.usage, facts), ending: endingOf(part), ...(state !== undefined && { state }) };
      return;
    }
  }
  throw new BadReply("the reply broke off in the middle", true);
}

function endingOf({ finishReason: { unified, raw } }: Finish): Ending {
  if (unified === "interrupted" || unified === "error") throw new BadReply("the reply broke off in the middle", true);
  if (unified === "length") return { kind: "cut-off" };
  if (unified === "content-filter") throw new BadReply(`the provider's filter stopped the reply${raw ? ` (${raw})` : ""}`, false);
  return { kind: "complete" };
}

/** Arguments that are no JSON stay text: the tool's check of them tells the model. */
function parsed(input: string): Json {
  if (input.trim() === "") return {};
  try {
    return JSON.parse(input) as Json;
  } catch {
    return input;
  }
}

function usageOf({ inputTokens, outputTokens }: LanguageModelV4Usage, { prices }: ModelFacts): Usage {
  const { total: input, cacheRead = 0, cacheWrite = 0 } = inputTokens;
  const { total: output } = outputTokens;
  const known = input !== undefined && output !== undefined;
  return {
    inputTokens: input ?? null,
    cachedTokens: inputTokens.cacheRead ?? null,
    outputTokens: output ?? null,
    reasoningTokens: outputTokens.reasoning ?? null,
    costUsd:
      known && prices
        ? ((input - cacheRead - cacheWrite) * prices.input +
            cacheRead * prices.cachedInput +
            cacheWrite * prices.cacheWrite +
            output * prices.output) /
          1_000_000
        : null,
  };
}
