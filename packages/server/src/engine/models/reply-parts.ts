import type { LanguageModelV4StreamPart, LanguageModelV4Usage } from "@ai-sdk/provider";
import type { ModelFacts, Prices, Usage } from "@farhand/protocol";
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
  const { total: input, cacheRead, cacheWrite } = inputTokens;
  const { total: output, reasoning } = outputTokens;
  const known = input !== undefined && output !== undefined;
  return {
    inputTokens: input ?? null,
    cachedTokens: cacheRead ?? null,
    outputTokens: output ?? null,
    reasoningTokens: reasoning ?? null,
    costUsd: known && prices ? costOf({ input, cacheRead: cacheRead ?? 0, cacheWrite: cacheWrite ?? 0, output }, prices) : null,
  };
}

type Tokens = { input: number; cacheRead: number; cacheWrite: number; output: number };

function costOf({ input, cacheRead, cacheWrite, output }: Tokens, prices: Prices): number {
  const rates = prices.long && input > prices.long.above ? prices.long : prices;
  const fresh = input - cacheRead - cacheWrite;
  return (fresh * rates.input + cacheRead * rates.cachedInput + cacheWrite * rates.cacheWrite + output * rates.output) / 1_000_000;
}
