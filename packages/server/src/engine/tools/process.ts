import { exitInWords } from "@farhand/protocol";
import { z } from "zod";
import { secondsOf, watch } from "./shell.ts";
import type { Tool } from "./tool.ts";

const ProcessInput = z.strictObject({
  id: z.int(),
  input: z.string().max(100_000).optional().describe("Written to its standard input as it is, with its newline"),
  close_input: z.boolean().default(false),
  signal: z.enum(["SIGINT", "SIGTERM", "SIGKILL"]).optional(),
  wait_seconds: z.int().min(0).max(600).default(5).describe("Returns when it has ended, or after this time"),
});
type ProcessInput = z.infer<typeof ProcessInput>;

export const processTool: Tool<ProcessInput> = {
  name: "process",
  description: "Looks at a process that shell left running, writes to it or stops it; returns what it wrote since.",
  input: ProcessInput,
  readsOnly: false,
  async *run({ id, input, close_input, signal: name, wait_seconds }, context) {
    const process = context.processes.find(id);
    const closed = process.exit !== null || process.input?.closed !== false;
    if (input !== undefined && closed) throw new Error(`the input of process ${id} is closed`);
    if (input !== undefined) process.input?.push(Buffer.from(input));
    if (close_input) process.input?.close();
    if (name !== undefined) process.signal(name);
    const told = yield* watch(process, performance.now() + wait_seconds * 1000, context);
    if (told.exit === null) return { ...told, text: `Process ${id} runs, ${secondsOf(process)} s by now. New output:\n${told.text}` };
    context.processes.forget(id);
    return { ...told, text: `Process ${id} has ended: ${exitInWords(told.exit)}\n${told.text}` };
  },
};
