import type { NewTask } from "@farhand/protocol";
import { Failure, USAGE } from "../failure.ts";
import { answer, client, type Invocation, readInput } from "../invocation.ts";
import { follow } from "./watch.ts";

const MAX_PROMPT = 1_000_000;

export type ExecOptions = { env: string; branch?: string; model?: string; title?: string; wait?: boolean; prompt?: string };

/** Gives out a task; with `wait` shows it to its end. Returns the exit code. */
export async function exec(invocation: Invocation, options: ExecOptions): Promise<number> {
  const farhand = await client(invocation);
  const fromInput = options.prompt === undefined || options.prompt === "-";
  const prompt = fromInput ? await readInput(invocation, "What is to be done") : (options.prompt ?? "");
  if (!prompt.trim()) throw new Failure("the prompt is empty: say what is to be done", USAGE);
  if (prompt.length > MAX_PROMPT) throw new Failure(`the prompt has ${prompt.length} characters; ${MAX_PROMPT} are allowed`, USAGE);
  const spec: NewTask = { environment: options.env, prompt };
  if (options.branch !== undefined) spec.ref = options.branch;
  if (options.model !== undefined) spec.model = options.model;
  if (options.title !== undefined) spec.title = options.title;
  const task = await farhand.createTask(spec);
  if (!options.wait) {
    await answer(invocation, task, () => `${task.id}\n`);
    return 0;
  }
  if (!invocation.json) await invocation.screen.out(`${task.id}\n`);
  return follow(invocation, farhand, task.id, { prompt: false });
}
