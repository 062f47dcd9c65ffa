import type { Effort, EngineEvent } from "@farhand/protocol";
import type { Conversation } from "./conversation.ts";
import type { Progress } from "./engine.ts";
import { type Message, type Model, NO_USAGE, type ToolDescription } from "./models/model.ts";
import { ask, type Reply } from "./models/reply.ts";
import type { Spending } from "./spending.ts";

/** What every request of a run has. `work` aborts when a request is not to be waited for any longer, `signal` only when the run is to reject. */
export type Asking = {
  model: Model;
  /** The model's name, as events have it. */
  name: string;
  effort?: Effort;
  system: string;
  tools: readonly ToolDescription[];
  work: AbortSignal;
  signal: AbortSignal;
  /** Told what is written of a reply that people are to see. */
  writing: (step: number, text: string) => void;
};

/** An answered request; `answered` is its last event, not told yet. `halted`: the work was to end before the reply came. */
export type Answer = { reply: Reply | { kind: "halted" }; answered: EngineEvent };

/** One request to the model, from `step.started` on, which is stored together with `told`. Each time that it is sent again is told: waiting is visible. */
export async function* request(
  step: number,
  messages: readonly Message[],
  asking: Asking,
  how: { spending: Spending; conversation: Conversation; told: readonly Message[]; purpose?: "summary" },
): AsyncGenerator<Progress, Answer> {
  const { spending, conversation, told, purpose } = how;
  const startedAt = performance.now();
  yield {
    events: [{ type: "step.started", step, model: asking.name, ...(purpose ? { purpose } : {}) }],
    ...(told.length > 0 && { said: told }),
  };
  const reply = yield* replyTo(step, messages, purpose ? { ...asking, writing: () => {} } : asking);
  const usage = reply.kind === "reply" ? reply.usage : NO_USAGE;
  spending.add(usage);
  if (usage.inputTokens !== null && purpose === undefined) conversation.count(messages, usage.inputTokens + (usage.outputTokens ?? 0));
  return { reply, answered: { type: "step.answered", step, usage, durationMs: Math.round(performance.now() - startedAt) } };
}

async function* replyTo(
  step: number,
  messages: readonly Message[],
  { model, effort, system, tools, work, signal, writing }: Asking,
): AsyncGenerator<Progress, Answer["reply"]> {
  try {
    const asking = ask(model, { system, messages, tools, ...(effort && { effort }) }, work, (text) => writing(step, text));
    let next = await asking.next();
    for (; !next.done; next = await asking.next())
      yield { events: [{ type: "model.retried", step, detail: next.value.detail, waitMs: next.value.waitMs }] };
    return next.value;
  } catch (error) {
    signal.throwIfAborted();
    if (!work.aborted) throw error;
    return { kind: "halted" };
  }
}
