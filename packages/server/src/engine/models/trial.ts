import type { ModelTried } from "@farhand/protocol";
import type { Model } from "./model.ts";
import { ask } from "./reply.ts";

const LIMIT_MS = 60_000;
const MOST_SAID = 500;

/** A small request, to see whether a model can be used. Never rejects but on abort. Tells the first fault, without trying again. */
export async function tryModel(model: Model, signal: AbortSignal): Promise<ModelTried> {
  const startedAt = performance.now();
  const limit = AbortSignal.timeout(LIMIT_MS);
  const answer = (ok: boolean, said: string, costUsd: number | null = null): ModelTried => ({
    ok,
    said: said.slice(0, MOST_SAID),
    durationMs: Math.round(performance.now() - startedAt),
    costUsd,
  });
  const request = {
    system: "You are being tried out.",
    messages: [{ role: "user", text: "Say hello in one short sentence." } as const],
    tools: [TOOL],
  };
  try {
    const asked = await ask(model, request, AbortSignal.any([signal, limit])).next();
    if (!asked.done) return answer(false, asked.value.detail);
    const reply = asked.value;
    if (reply.kind !== "reply") return answer(false, reply.detail);
    return answer(true, reply.message.text.trim() || "(it answered without words)", reply.usage.costUsd);
  } catch (error) {
    signal.throwIfAborted();
    if (limit.aborted) return answer(false, `no answer within ${LIMIT_MS / 1000} seconds`);
    throw error;
  }
}

/** A model that refuses tools is of no use here, and says so when one is declared. */
const TOOL = {
  name: "note",
  description: "Notes a text. Not needed now.",
  parameters: { type: "object", properties: { text: { type: "string" } } },
};
