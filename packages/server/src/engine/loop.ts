import type { EngineEvent } from "@farhand/protocol";
import { z } from "zod";
import type { Sandbox } from "../sandbox/sandbox.ts";
import { systemPrompt } from "./context.ts";
import type { Engine, EngineInput, EngineParts } from "./engine.ts";
import { findModel } from "./models/catalogue.ts";
import { type Message, type Model, NO_USAGE, type ToolCall } from "./models/model.ts";
import { ask } from "./models/reply.ts";
import { storable, storableJson } from "./text.ts";
import { shellTool } from "./tools/shell.ts";
import { callTool, failedCall, type Tool, type ToolContext, type ToolResult } from "./tools/tool.ts";

const TOOLS: readonly Tool[] = [shellTool];
const CUT_OFF = "Not run: your reply was cut off at its output limit, so the arguments may be incomplete. Make it shorter.";

/** The built-in engine: asks the model, runs the tools it calls, tells it the results, until it calls none. */
export function loopEngine(find: typeof findModel = findModel, tools: readonly Tool[] = TOOLS): Engine {
  return {
    async *run(input, sandbox, parts, signal) {
      const model = find(input.model);
      if ("unknown" in model) yield { type: "engine.stopped", reason: "model-failed", detail: model.unknown, steps: 0 };
      else yield* loop(model, tools, input, sandbox, parts, signal);
    },
  };
}

async function* loop(
  model: Model,
  tools: readonly Tool[],
  input: EngineInput,
  sandbox: Sandbox,
  parts: EngineParts,
  signal: AbortSignal,
): AsyncGenerator<EngineEvent> {
  const system = systemPrompt(input);
  const described = tools.map(({ name, description, input }) => ({
    name,
    description,
    parameters: z.toJSONSchema(input, { io: "input" }),
  }));
  const conversation: Message[] = [{ role: "user", text: input.prompt }];

  for (let step = 1; step <= input.maxSteps; step += 1) {
    signal.throwIfAborted();
    const startedAt = performance.now();
    const finished = (usage = NO_USAGE): EngineEvent => ({ type: "step.finished", step, usage, durationMs: msSince(startedAt) });
    yield { type: "step.started", step, model: input.model };

    const reply = await ask(model, { system, messages: conversation, tools: described }, signal);
    if (reply.kind === "failed") {
      yield finished();
      yield { type: "engine.stopped", reason: "model-failed", detail: reply.detail, steps: step };
      return;
    }
    const { text, calls, usage, ending } = reply;
    if (text !== "") yield { type: "message", step, text: storable(text) };
    conversation.push(reply.message);
    for (const [index, call] of calls.entries()) {
      const id = `${step}.${index + 1}`; // the provider's own ids need not be unique
      yield { type: "tool.started", step, call: id, tool: storable(call.name), input: storableJson(call.input) };
      const calledAt = performance.now();
      const context = { call: id, sandbox, workspace: input.workspace, storeOutput: parts.storeOutput };
      const working = ending.kind === "cut-off" ? null : perform(tools, call, context, signal);
      const result = working ? yield* working : failedCall(CUT_OFF);
      yield {
        type: "tool.finished",
        call: id,
        isError: result.isError,
        result: result.text,
        exit: result.exit,
        durationMs: msSince(calledAt),
        output: result.output,
      };
      conversation.push({ role: "tool", call: call.id, tool: call.name, text: result.text, isError: result.isError, exit: result.exit });
    }
    yield finished(usage);
    if (calls.length > 0) continue;
    yield {
      type: "engine.stopped",
      ...(ending.kind === "gave-up" ? { reason: "gave-up", detail: ending.detail } : { reason: "done", detail: "" }),
      steps: step,
    };
    return;
  }
  yield { type: "engine.stopped", reason: "step-limit", detail: `The limit of ${input.maxSteps} steps is reached.`, steps: input.maxSteps };
}

async function* perform(
  tools: readonly Tool[],
  call: ToolCall,
  context: ToolContext,
  signal: AbortSignal,
): AsyncGenerator<EngineEvent, ToolResult> {
  const tool = tools.find(({ name }) => name === call.name);
  if (!tool) return failedCall(`There is no tool "${call.name}". Tools: ${tools.map(({ name }) => name).join(", ")}.`);
  const working = callTool(tool, call, context, signal);
  try {
    let next = await working.next();
    for (; !next.done; next = await working.next()) yield { type: "tool.output", call: context.call, ...next.value };
    return next.value;
  } finally {
    await working.return(failedCall("left early")); // stops the command where the reader has left
  }
}

function msSince(startedAt: number): number {
  return Math.round(performance.now() - startedAt);
}
