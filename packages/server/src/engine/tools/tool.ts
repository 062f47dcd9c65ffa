import type { EngineEvent, Exit } from "@farhand/protocol";
import { z } from "zod";
import { type Sandbox, SandboxLost } from "../../sandbox/sandbox.ts";
import type { EngineParts, StoredOutput } from "../engine.ts";
import type { ToolCall } from "../models/model.ts";
import { messageOf } from "../text.ts";
import type { Processes } from "./processes.ts";

/** What a tool shows while it works. */
export type ToolOutput = Omit<Extract<EngineEvent, { type: "tool.output" }>, "type" | "call">;

/** `isError`: the tool could not do what was asked. A command that ended with a nonzero code is none: see `exit`. */
export type ToolResult = { text: string; isError: boolean; exit: Exit | null; output: StoredOutput | null };

/** `call` names the call within the attempt, in events and for the stored output. */
export type ToolContext = EngineParts & { call: string; sandbox: Sandbox; workspace: string; processes: Processes };

/** A named, schema-checked action that the model may call. */
export interface Tool<Input = unknown> {
  readonly name: string;
  /** For the model. */
  readonly description: string;
  readonly input: z.ZodType<Input>;
  /** It changes nothing, in the tree or elsewhere, so calls of such tools may overlap. */
  readonly readsOnly: boolean;
  /** Yields what it shows, returns what the model is told. What it throws becomes an error result; see `callTool` for what does not. */
  run(input: Input, context: ToolContext, signal: AbortSignal): AsyncGenerator<ToolOutput, ToolResult>;
}

/** A part that the run gave to the engine failed, with `cause`. No tool's fault, so never told to the model. */
class PartFailed extends Error {
  override readonly name = "PartFailed";
}

/** The same parts, so that `callTool` can tell their failures from those of a tool. */
function marked(storeOutput: EngineParts["storeOutput"]): EngineParts["storeOutput"] {
  const mark = (cause: unknown): never => {
    throw new PartFailed("a part of the run failed", { cause });
  };
  return (call) => {
    const sink = storeOutput(call);
    return { write: (bytes) => sink.write(bytes).catch(mark), close: () => sink.close().catch(mark) };
  };
}

/** Checks the arguments and runs the tool. Every failure is an answer to the model, but for an abort, SandboxLost and what a part threw. */
export async function* callTool(
  tool: Tool,
  call: ToolCall,
  context: ToolContext,
  signal: AbortSignal,
): AsyncGenerator<ToolOutput, ToolResult> {
  if (typeof call.input === "string")
    return failedCall(`The arguments of ${tool.name} are no valid JSON object: check quotes, escapes and the end.`);
  const input = tool.input.safeParse(call.input);
  if (!input.success) {
    const faults = input.error.issues.map((issue) => `${issue.path.join(".") || "arguments"}: ${issue.message}`);
    return failedCall(`Invalid arguments for ${tool.name}: ${faults.join("; ")}`);
  }
  try {
    const result = yield* tool.run(input.data, { ...context, storeOutput: marked(context.storeOutput) }, signal);
    signal.throwIfAborted(); // a cancelled command ends with an exit too; nobody is to go on from it
    return result;
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof SandboxLost) throw error;
    if (error instanceof PartFailed) throw error.cause;
    return failedCall(messageOf(error));
  }
}

/** A tool's arguments as a model is told of them, with every request: so without what says nothing to it. */
export function schemaOf(input: Tool["input"]): Record<string, unknown> {
  const { $schema: _, ...schema } = z.toJSONSchema(input, {
    io: "input",
    override({ jsonSchema }) {
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
    },
  });
  return schema;
}

/** The answer to a call that was not carried out. */
export function failedCall(text: string): ToolResult {
  return { text: messageOf(text), isError: true, exit: null, output: null };
}

/** The `run` of a tool that shows nothing while it works: `work` resolves to what the model is told. */
export function answering<Input>(work: (input: Input, context: ToolContext, signal: AbortSignal) => Promise<string>): Tool<Input>["run"] {
  return async function* (input, context, signal) {
    yield* [];
    return { text: await work(input, context, signal), isError: false, exit: null, output: null };
  };
}
