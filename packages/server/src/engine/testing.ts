import type { EngineEvent, Usage } from "@farhand/protocol";
import type { Budget } from "../domain/budget.ts";
import type { Sandbox } from "../sandbox/sandbox.ts";
import type { EngineInput, EngineParts, Progress } from "./engine.ts";
import { type Ending, type Model, type ModelRequest, NO_USAGE } from "./models/model.ts";
import type { Json } from "./text.ts";

/** Room for so many steps, and for anything else. */
export function room(steps: number, budget: Partial<Budget> = {}): Pick<EngineInput, "usedBefore" | "budget"> {
  return { usedBefore: { tokens: 0, costUsd: 0, ms: 0 }, budget: { steps, tokens: Infinity, costUsd: Infinity, minutes: 60, ...budget } };
}

/** One reply of a scripted model: parts in order. An Error is thrown where it stands; a string is said; "<wait>" lasts until the abort. */
export type ScriptedPart = string | Error | "<wait>" | { tool: string; input: Json } | { ending: Ending; usage?: Usage };

/** A model that answers with the given replies, one per request, and keeps the requests. Fails where it is asked once more. */
export function scripted(...replies: readonly (readonly ScriptedPart[])[]): Model & { readonly requests: ModelRequest[] } {
  const requests: ModelRequest[] = [];
  return {
    requests,
    facts: { name: "test", provider: "script", contextTokens: null, maxOutputTokens: null, prices: null, efforts: [] },
    async *respond(request, signal) {
      requests.push({ ...request, messages: [...request.messages] });
      const reply = replies[requests.length - 1];
      if (!reply) throw new Error(`the script has no reply ${requests.length}`);
      for (const part of reply) {
        if (part instanceof Error) throw part;
        if (part === "<wait>") await aborted(signal);
        else if (typeof part === "string") yield { type: "text", delta: part };
        else if ("tool" in part) yield { type: "call", call: { id: "same", name: part.tool, input: part.input } };
        else yield { type: "finish", usage: part.usage ?? NO_USAGE, ending: part.ending };
      }
      if (!reply.some((part) => typeof part === "object" && "ending" in part))
        yield { type: "finish", usage: NO_USAGE, ending: { kind: "complete" } };
    },
  };
}

/** Output sinks that keep all bytes in memory, by call. */
export function memoryOutput(): EngineParts & { readonly outputs: Map<string, Buffer>; readonly open: Set<string> } {
  const outputs = new Map<string, Buffer>();
  const open = new Set<string>();
  return {
    outputs,
    open,
    storeOutput(call) {
      const chunks: Uint8Array[] = [];
      open.add(call);
      return {
        async write(bytes) {
          chunks.push(bytes.slice());
        },
        async close() {
          if (!open.delete(call)) throw new Error(`the output of ${call} is closed already`);
          const whole = Buffer.concat(chunks);
          outputs.set(call, whole);
          return whole.length === 0 ? null : { blob: `output of ${call}`, bytes: whole.length, truncated: false };
        },
      };
    },
  };
}

/** Every event of the engine's reports, as they come. */
export async function* eventsOf(reports: AsyncIterable<Progress>): AsyncGenerator<EngineEvent> {
  for await (const { events } of reports) yield* events;
}

/** The events of one kind. */
export function only<Type extends EngineEvent["type"]>(events: readonly EngineEvent[], type: Type): Extract<EngineEvent, { type: Type }>[] {
  return events.filter((event): event is Extract<EngineEvent, { type: Type }> => event.type === type);
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

const unused = (): never => {
  throw new Error("this test needs no sandbox");
};

/** For what runs no command. */
export const NO_SANDBOX: Sandbox = {
  run: "attempt.1",
  exec: unused,
  watchedBy: async () => {},
  lost: new AbortController().signal,
  [Symbol.asyncDispose]: async () => {},
};
