import type { EngineEvent } from "@farhand/protocol";
import { z } from "zod";
import { systemPrompt } from "./context.ts";
import type { Engine, EngineInput, Progress } from "./engine.ts";
import { type Ending, type FindModel, type Message, type Model, NO_USAGE, type ToolCall } from "./models/model.ts";
import { ask, type Reply } from "./models/reply.ts";
import { findScript } from "./models/script.ts";
import { TOOLS } from "./tools/all.ts";
import { Processes } from "./tools/processes.ts";
import { callTool, failedCall, type Tool, type ToolContext, type ToolResult } from "./tools/tool.ts";

const INTERRUPTED =
  "Interrupted: the machine was lost before this had ended. The working tree is as it was before the call; what it did elsewhere is unknown.";
const CUT_OFF = "Not run: your reply was cut off at its output limit, so these arguments may be incomplete. Make it shorter.";

/** The built-in engine: asks the model, runs the tools it calls, tells it the results, until it calls none. */
export function loopEngine(find: FindModel = findScript, tools: readonly Tool[] = TOOLS): Engine {
  return {
    async *run(input, sandbox, parts, signal) {
      const model = await find(input.model);
      if ("unknown" in model) yield { events: [{ type: "engine.stopped", reason: "model-failed", detail: model.unknown, steps: 0 }] };
      else {
        await using processes = new Processes(sandbox); // what they still change is not to be missed by who looks at the tree next
        yield* loop(model, tools, input, { ...parts, sandbox, workspace: input.workspace, processes }, signal);
      }
    },
  };
}

type ToolMessage = Extract<Message, { role: "tool" }>;
type Surroundings = Omit<ToolContext, "call">;

async function* loop(
  model: Model,
  tools: readonly Tool[],
  input: EngineInput,
  around: Surroundings,
  signal: AbortSignal,
): AsyncGenerator<Progress> {
  const system = systemPrompt(input);
  const described = tools.map(({ name, description, input }) => ({
    name,
    description,
    parameters: z.toJSONSchema(input, { io: "input" }),
  }));
  const messages: Message[] = [...input.conversation];
  let cutOff: Message[] = withoutResult(messages).map((call) => ({ ...resultOf(call, failedCall(INTERRUPTED)), isCutOff: true }));
  messages.push(...cutOff);

  for (let step = input.stepsBefore + 1; step <= input.maxSteps; step += 1) {
    signal.throwIfAborted();
    const startedAt = performance.now();
    yield { events: [{ type: "step.started", step, model: input.model }], said: cutOff };
    cutOff = [];

    const reply = yield* toldRetries(step, ask(model, { system, messages, tools: described }, signal));
    if (reply.kind !== "reply") {
      yield {
        events: [
          { type: "step.answered", step, usage: NO_USAGE, durationMs: msSince(startedAt) },
          { type: "engine.stopped", reason: "model-failed", detail: reply.detail, steps: step },
        ],
      };
      return;
    }
    const { calls, text } = reply.message;
    const finished: EngineEvent = { type: "step.answered", step, usage: reply.usage, durationMs: msSince(startedAt) };
    messages.push(reply.message);
    const end = calls.length === 0 ? [stoppedBy(reply.ending, step)] : [];
    yield { events: [...(text === "" ? [] : [{ type: "message", step, text } as const]), finished, ...end], said: [reply.message] };
    if (calls.length === 0) return;

    for (const [index, call] of calls.entries()) {
      const context = { ...around, call: `${step}.${index + 1}` }; // the provider's own ids need not be unique
      const refusal = reply.ending.kind === "cut-off" ? CUT_OFF : null;
      messages.push(yield* perform(step, tools, call, refusal, context, signal));
    }
  }
  const detail = `The limit of ${input.maxSteps} steps is reached.`;
  yield { events: [{ type: "engine.stopped", reason: "step-limit", detail, steps: input.maxSteps }] };
}

/** Each request that is sent again, as an event: waiting is visible. */
async function* toldRetries(step: number, asking: ReturnType<typeof ask>): AsyncGenerator<Progress, Reply> {
  let next = await asking.next();
  for (; !next.done; next = await asking.next())
    yield { events: [{ type: "model.retried", step, detail: next.value.detail, waitMs: next.value.waitMs }] };
  return next.value;
}

/** One call, from `tool.started` to `tool.finished`. What is refused is not run; the model is told why. */
async function* perform(
  step: number,
  tools: readonly Tool[],
  call: ToolCall,
  refusal: string | null,
  context: ToolContext,
  signal: AbortSignal,
): AsyncGenerator<Progress, ToolMessage> {
  yield { events: [{ type: "tool.started", step, call: context.call, tool: call.name, input: call.input }] };
  const startedAt = performance.now();
  const tool = tools.find(({ name }) => name === call.name);
  let result: ToolResult;
  if (refusal !== null) result = failedCall(refusal);
  else if (!tool) result = failedCall(`There is no tool "${call.name}". Tools: ${tools.map(({ name }) => name).join(", ")}.`);
  else result = yield* eventsOf(context.call, callTool(tool, call, context, signal));
  const { text, isError, exit, output } = result;
  const told = resultOf(call, result);
  yield {
    events: [{ type: "tool.finished", call: context.call, isError, result: text, exit, durationMs: msSince(startedAt), output }],
    said: [told],
    mayHaveChanged: true,
  };
  return told;
}

function resultOf(call: ToolCall, { text, isError, exit }: ToolResult): ToolMessage {
  return { role: "tool", call: call.id, tool: call.name, text, isError, exit };
}

/** The calls of the model's last message that nothing came back for. */
function withoutResult(messages: readonly Message[]): readonly ToolCall[] {
  const last = messages.findLastIndex((message) => message.role === "assistant");
  const asked = messages[last];
  const answered = messages.slice(last + 1).filter((message) => message.role === "tool").length;
  return asked?.role === "assistant" ? asked.calls.slice(answered) : [];
}

async function* eventsOf(call: string, working: ReturnType<typeof callTool>): AsyncGenerator<Progress, ToolResult> {
  try {
    let next = await working.next();
    for (; !next.done; next = await working.next()) yield { events: [{ type: "tool.output", call, ...next.value }] };
    return next.value;
  } finally {
    await working.return(failedCall("the reader has left")); // stops what still runs
  }
}

function stoppedBy(ending: Ending, steps: number): EngineEvent {
  if (ending.kind === "gave-up") return { type: "engine.stopped", reason: "gave-up", detail: ending.detail, steps };
  return { type: "engine.stopped", reason: "done", detail: "", steps };
}

function msSince(startedAt: number): number {
  return Math.round(performance.now() - startedAt);
}
