import type { LanguageModelV4StreamPart, SharedV4ProviderMetadata } from "@ai-sdk/provider";
import { z } from "zod";
import type { Json } from "../text.ts";

const metadata = z.record(z.string(), z.record(z.string(), z.json())).optional();

/**
 * What a provider wants back of its own reply: its parts in order, with what it wrote to each. Text and calls stand in the message itself; here
 * only how long each text is.
 */
export const Remembered = z.object({
  model: z.string(),
  parts: z.array(
    z.discriminatedUnion("kind", [
      z.object({ kind: z.literal("reasoning"), text: z.string(), metadata }),
      z.object({ kind: z.literal("text"), length: z.int().min(0), metadata }),
      z.object({ kind: z.literal("call"), metadata }),
    ]),
  ),
});
type Part = z.infer<typeof Remembered>["parts"][number];

/** Collects it while a reply comes. */
export interface Memory {
  take(part: LanguageModelV4StreamPart): void;
  /** For AssistantMessage.state; undefined: nothing is wanted that does not stand in text and calls. */
  state(model: string): Json | undefined;
}

export function openMemory(): Memory {
  const parts: Part[] = [];
  const open = new Map<string, Part>();

  function begin(id: string, part: Part): Part {
    parts.push(part);
    open.set(id, part);
    return part;
  }

  function partOf(part: LanguageModelV4StreamPart): Part | undefined {
    switch (part.type) {
      case "reasoning-start":
        return begin(part.id, { kind: "reasoning", text: "" });
      case "text-start":
        return begin(part.id, { kind: "text", length: 0 });
      case "reasoning-delta":
      case "reasoning-end":
      case "text-delta":
      case "text-end":
        return open.get(part.id);
      case "tool-call":
        return begin("", { kind: "call" });
      default:
        return;
    }
  }

  return {
    take(part) {
      const of = partOf(part);
      if (!of) return;
      if (part.type === "reasoning-delta" && of.kind === "reasoning") of.text += part.delta;
      if (part.type === "text-delta" && of.kind === "text") of.length += part.delta.length;
      if ("providerMetadata" in part && part.providerMetadata) note(of, part.providerMetadata);
    },
    state(model) {
      const kept = parts.filter((part) => part.kind !== "text" || part.length > 0);
      return kept.some((part) => part.kind === "reasoning" || part.metadata) ? asJson({ model, parts: kept }) : undefined;
    },
  };
}

function note(part: Part, metadata: SharedV4ProviderMetadata): void {
  const noted = { ...part.metadata };
  for (const [space, values] of Object.entries(asJson(metadata) as NonNullable<Part["metadata"]>))
    noted[space] = { ...noted[space], ...values };
  part.metadata = noted;
}

function asJson(value: object): Json {
  return JSON.parse(JSON.stringify(value)) as Json;
}
