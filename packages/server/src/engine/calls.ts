import type { Progress } from "./engine.ts";
import { Excerpt } from "./excerpt.ts";
import type { Message, ToolCall } from "./models/model.ts";
import { PlainText } from "./tools/plain-text.ts";
import { callTool, failedCall, type Tool, type ToolContext, type ToolOutput, type ToolResult } from "./tools/tool.ts";

export type ToolMessage = Extract<Message, { role: "tool" }>;
export type Surroundings = Omit<ToolContext, "call">;

/** Of what a call had shown when it was stopped, what the model is told. */
const SHOWN_CHARS = 16 * 1024;

/** What the calls of a reply are run with. `halted`: the work is to end here, and be kept; why, in words. Until then it is null. */
export type Calling = {
  step: number;
  tools: readonly Tool[];
  around: Surroundings;
  /** Why none of them is to be run; null = they are. */
  refusal: string | null;
  halted: () => string | null;
  /** Aborts also when halted. */
  work: AbortSignal;
  /** Aborts only when the run is to reject. */
  signal: AbortSignal;
};

/** A call on its way, under the name that it has in events. */
type Begun = { call: ToolCall; name: string; startedAt: number; working: AsyncGenerator<ToolOutput, ToolResult> };

/**
 * Carries out the calls of one reply, in their order; those beside one another that only read, at the same time. Results come in the order of the
 * calls too. Each is stored as started before it runs. What is refused or comes after a halt is not run, and the model is told why.
 */
export async function* carryOut(calls: readonly ToolCall[], how: Calling): AsyncGenerator<Progress, ToolMessage[]> {
  const results: ToolMessage[] = [];
  while (results.length < calls.length) {
    const rest = calls.slice(results.length);
    const reading = rest.findIndex((call) => !toolOf(how, call)?.readsOnly);
    const together = rest.slice(0, Math.max(1, reading === -1 ? rest.length : reading));
    results.push(...(yield* overlapping(together, results.length, how)));
  }
  return results;
}

async function* overlapping(calls: readonly ToolCall[], before: number, how: Calling): AsyncGenerator<Progress, ToolMessage[]> {
  const { step, signal } = how;
  const named = calls.map((call, index) => ({ call, name: `${step}.${before + index + 1}` })); // the provider's own ids need not be unique
  yield {
    events: named.map(({ call, name }) => ({ type: "tool.started", step, call: name, tool: call.name, input: call.input })),
  };
  const stop = new AbortController();
  const work = AbortSignal.any([how.work, stop.signal]);
  const begun = named.map(
    ({ call, name }): Begun => ({ call, name, startedAt: performance.now(), working: perform(call, name, how, work) }),
  );
  const pending = new Map(begun.map((one, index) => [index, next(one, index)]));
  const ended = new Map<number, { result: ToolResult; durationMs: number }>();
  const told: ToolMessage[] = [];
  try {
    while (pending.size > 0) {
      const { index, one, came } = await Promise.race(pending.values());
      if (!came.done) {
        yield { events: [{ type: "tool.output", call: one.name, ...came.value }] };
        pending.set(index, next(one, index));
        continue;
      }
      pending.delete(index);
      ended.set(index, { result: came.value, durationMs: Math.round(performance.now() - one.startedAt) });
      for (let end = ended.get(told.length); end; end = ended.get(told.length)) {
        const message = yield* finish(begun[told.length] as Begun, end.result, end.durationMs, how);
        told.push(message);
      }
    }
    signal.throwIfAborted();
    return told;
  } finally {
    if (pending.size > 0) stop.abort(); // left early; what ended well may have left a process that is to go on
    for (const waiting of pending.values()) waiting.catch(() => {});
    await Promise.allSettled(begun.map(({ working }) => working.return(failedCall("the reader has left"))));
  }
}

async function next(one: Begun, index: number) {
  return { index, one, came: await one.working.next() };
}

async function* finish({ call, name }: Begun, result: ToolResult, durationMs: number, how: Calling): AsyncGenerator<Progress, ToolMessage> {
  const { text, isError, exit, output } = result;
  const told = resultOf(call, result);
  yield {
    events: [{ type: "tool.finished", call: name, isError, result: text, exit, durationMs, output }],
    said: [told],
    ...(toolOf(how, call)?.readsOnly ? {} : { mayHaveChanged: true }),
  };
  return told;
}

async function* perform(call: ToolCall, name: string, how: Calling, work: AbortSignal): AsyncGenerator<ToolOutput, ToolResult> {
  const halted = how.halted();
  if (halted !== null) return failedCall(`Not run: ${halted}`);
  if (how.refusal !== null) return failedCall(how.refusal);
  const tool = toolOf(how, call);
  if (!tool) return failedCall(`There is no tool "${call.name}". Tools: ${how.tools.map(({ name }) => name).join(", ")}.`);
  const shown = new Excerpt(SHOWN_CHARS);
  const plain = new PlainText();
  const working = callTool(tool, call, { ...how.around, call: name }, work);
  try {
    let came = await working.next();
    for (; !came.done; came = await working.next()) {
      shown.append(plain.write(came.value.text));
      yield came.value;
    }
    return came.value;
  } catch (error) {
    how.signal.throwIfAborted();
    const halted = how.halted();
    if (halted === null || !how.work.aborted) throw error;
    shown.append(plain.flush());
    const written = String(shown) && `\nWhat it had written until then:\n${shown}`;
    return { text: `Stopped before it ended: ${halted}${written}`, isError: true, exit: { kind: "cancelled" }, output: null };
  } finally {
    await working.return(failedCall("the reader has left")); // what it has begun is ended, also where the reader leaves early
  }
}

function toolOf({ tools }: Calling, call: ToolCall): Tool | undefined {
  return tools.find(({ name }) => name === call.name);
}

function resultOf(call: ToolCall, { text, isError, exit }: ToolResult): ToolMessage {
  return { role: "tool", call: call.id, tool: call.name, text, isError, exit };
}
