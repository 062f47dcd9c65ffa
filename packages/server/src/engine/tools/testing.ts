import type { Sandbox } from "../../sandbox/sandbox.ts";
import { run as runIn, type TestDriver, testDriver } from "../../sandbox/testing.ts";
import { memoryOutput } from "../testing.ts";
import type { Json } from "../text.ts";
import { Processes } from "./processes.ts";
import { callTool, type Tool, type ToolContext, type ToolResult } from "./tool.ts";

export const WORKSPACE = "/workspace/shop";

/** A real sandbox with an empty working tree, and tools called in it as the engine calls them. */
export type Bench = AsyncDisposable & {
  sandbox: Sandbox;
  sandboxes: TestDriver;
  processes: Processes;
  call(tool: Tool, input: Json, changes?: Partial<ToolContext>): Promise<ToolResult>;
  /** The text of a call's answer. Throws where it is an error. */
  answer(tool: Tool, input: Json): Promise<string>;
  /** The text of a call that fails. Throws where it does not. */
  failure(tool: Tool, input: Json): Promise<string>;
  /** Runs a script in the working tree; its standard output, one character per byte. */
  sh(script: string): Promise<string>;
  put(path: string, bytes: string | Uint8Array): Promise<void>;
  /** The file's bytes as Latin-1, or as they are in UTF-8. */
  get(path: string, encoding?: BufferEncoding): Promise<string>;
};

export async function toolBench(): Promise<Bench> {
  const sandboxes = await testDriver();
  const sandbox = await sandboxes.create();
  const sh = async (script: string, stdin?: Uint8Array) => {
    const { exit, stdout, stderr } = await runIn(sandbox, script, { cwd: WORKSPACE, ...(stdin && { stdin }) });
    if (exit.kind !== "exited" || exit.code !== 0) throw new Error(`${script}: ${JSON.stringify(exit)} ${stderr}`);
    return stdout;
  };
  await runIn(sandbox, `mkdir -p ${WORKSPACE}`);
  const processes = new Processes(sandbox);
  const call: Bench["call"] = async (tool, input, changes) => {
    const context = { ...memoryOutput(), call: "1.1", sandbox, workspace: WORKSPACE, processes, ...changes };
    const working = callTool(tool, { id: "a", name: tool.name, input }, context, AbortSignal.timeout(60_000));
    for (let next = await working.next(); ; next = await working.next()) if (next.done) return next.value;
  };
  return {
    sandbox,
    sandboxes,
    call,
    async answer(tool, input) {
      const { text, isError } = await call(tool, input);
      if (isError) throw new Error(`${tool.name} failed: ${text}`);
      return text;
    },
    async failure(tool, input) {
      const { text, isError } = await call(tool, input);
      if (!isError) throw new Error(`${tool.name} did not fail: ${text}`);
      return text;
    },
    sh,
    put: async (path, bytes) => void (await sh(`mkdir -p "$(dirname '${path}')" && cat > '${path}'`, Buffer.from(bytes))),
    get: async (path, encoding = "utf8") => Buffer.from(await sh(`cat '${path}'`), "latin1").toString(encoding),
    processes,
    [Symbol.asyncDispose]: () => sandboxes[Symbol.asyncDispose](),
  };
}
