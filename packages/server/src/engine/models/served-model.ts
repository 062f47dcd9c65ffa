import { setTimeout as sleep } from "node:timers/promises";
import type { LanguageModelV4, LanguageModelV4CallOptions, LanguageModelV4StreamPart } from "@ai-sdk/provider";
import type { ModelFacts } from "@farhand/protocol";
import { BadReply, faultOf } from "./faults.ts";
import { ContextFull, type Model, type ModelPart, type ModelRequest } from "./model.ts";
import { promptOf } from "./prompt.ts";
import type { Connection, Provider } from "./providers/provider.ts";
import { replyParts } from "./reply-parts.ts";

/** How long a provider is waited for. */
export type Patience = {
  /** Nothing at all comes: before the first part of a reply, or between two. */
  silenceMs: number;
  /** One request with all its retries and the waits between them. */
  wholeMs: number;
  tries: number;
  /** Doubled with each try, up to the last; with up to a quarter more, so that many do not come back at once. */
  firstWaitMs: number;
  lastWaitMs: number;
};

export const PATIENCE: Patience = { silenceMs: 290_000, wholeMs: 30 * 60_000, tries: 10, firstWaitMs: 1000, lastWaitMs: 60_000 };

/** Replies are rarely longer; what is reserved here is missing for the conversation. */
const MOST_OUTPUT_TOKENS = 64_000;

/** A model of a provider's. Sends a failed request again while that may help. */
export function servedModel(provider: Provider, connection: Connection, id: string, facts: ModelFacts, patience = PATIENCE): Model {
  const language = provider.open(connection, id);
  const inWords = (detail: string) => withoutKey(`${provider.title}: ${detail}`, connection);
  return {
    facts,
    async *respond(request, signal) {
      const overdue = AbortSignal.timeout(patience.wholeMs);
      for (let tries = 1; ; tries += 1) {
        const fault = yield* oneTry(language, callOf(request, provider, id, facts), facts, patience.silenceMs, [signal, overdue]);
        if (fault === null) return;
        signal.throwIfAborted();
        if (overdue.aborted) throw new Error(inWords(`no whole reply within ${Math.round(patience.wholeMs / 60_000)} minutes`));
        if (fault.kind === "context-full") throw new ContextFull(inWords(fault.detail));
        if (fault.kind === "lasting" || tries === patience.tries)
          throw new Error(inWords(tries === 1 ? fault.detail : `${fault.detail} (tried ${tries} times)`));
        const waitMs = Math.round(fault.waitMs ?? pauseMs(tries, patience));
        if (waitMs >= patience.wholeMs)
          throw new Error(inWords(`${fault.detail} (it asks to wait ${Math.round(waitMs / 60_000)} minutes)`));
        yield { type: "retried", detail: inWords(fault.detail), waitMs };
        await sleep(waitMs, undefined, { signal: AbortSignal.any([signal, overdue]) }).catch(() => signal.throwIfAborted());
      }
    },
  };
}

function callOf(request: ModelRequest, provider: Provider, id: string, facts: ModelFacts): LanguageModelV4CallOptions {
  const prompt = promptOf(request, provider, facts.name);
  return {
    prompt,
    tools: request.tools.map(({ name, description, parameters }) => ({ type: "function", name, description, inputSchema: parameters })),
    providerOptions: provider.options(prompt, id),
    includeRawChunks: true, // each is a sign of life
    ...(facts.maxOutputTokens !== null && { maxOutputTokens: Math.min(facts.maxOutputTokens, MOST_OUTPUT_TOKENS) }),
    ...(request.effort !== undefined && { reasoning: request.effort }),
  };
}

/** One request; returns what was wrong with it, null = its reply was whole. */
async function* oneTry(
  language: LanguageModelV4,
  call: LanguageModelV4CallOptions,
  facts: ModelFacts,
  silenceMs: number,
  stops: readonly AbortSignal[],
): AsyncGenerator<ModelPart, ReturnType<typeof faultOf> | null> {
  const over = new AbortController();
  const silence = setTimeout(() => over.abort(new BadReply(`nothing came for ${Math.round(silenceMs / 1000)} seconds`, true)), silenceMs);
  const abortSignal = AbortSignal.any([over.signal, ...stops]);
  try {
    const { stream } = await orAborted(Promise.resolve(language.doStream({ ...call, abortSignal })), abortSignal);
    yield* replyParts(
      partsOf(stream, abortSignal, () => silence.refresh()),
      facts,
    );
    return null;
  } catch (error) {
    return faultOf(abortSignal.aborted ? abortSignal.reason : error);
  } finally {
    clearTimeout(silence);
    over.abort(new Error("the reply is over")); // closes the connection, where the reply was left in the middle
  }
}

async function* partsOf(
  stream: ReadableStream<LanguageModelV4StreamPart>,
  signal: AbortSignal,
  alive: () => void,
): AsyncGenerator<LanguageModelV4StreamPart> {
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await orAborted(reader.read(), signal);
    if (done) return;
    alive();
    if (value.type !== "raw") yield value;
  }
}

/** Does not count on the other side to notice the signal. */
async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  work.catch(() => {}); // may fail after it was left
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

function pauseMs(tries: number, { firstWaitMs, lastWaitMs }: Patience): number {
  return Math.min(firstWaitMs * 2 ** (tries - 1), lastWaitMs) * (1 + Math.random() / 4);
}

/** A server may repeat the key that it refuses. */
function withoutKey(text: string, { key }: Connection): string {
  return key === null ? text : text.replaceAll(key.reveal(), "[key]");
}
