import { MAX_ATTEMPTS, Mode, type NewTask } from "@farhand/protocol";
import { Failure, USAGE } from "../failure.ts";
import { imagesFrom } from "../images.ts";
import { answer, client, type Invocation, readInput, wholeNumber } from "../invocation.ts";
import { type LimitOptions, turnLimits } from "../limit-options.ts";
import { effortFrom } from "./models.ts";
import { follow } from "./watch.ts";

const MAX_PROMPT = 1_000_000;

export type ExecOptions = LimitOptions & {
  env: string;
  branch?: string;
  model?: string;
  effort?: string;
  title?: string;
  mode?: string;
  attempts?: string;
  image?: string[];
  wait?: boolean;
  prompt?: string;
};

/** Gives out a task; with `wait` shows it to its end. Returns the exit code. */
export async function exec(invocation: Invocation, options: ExecOptions): Promise<number> {
  const farhand = await client(invocation);
  const prompt = await promptFrom(invocation, options.prompt);
  const spec: NewTask = { environment: options.env, prompt };
  if (options.branch !== undefined) spec.ref = options.branch;
  if (options.model !== undefined) spec.model = options.model;
  const effort = effortFrom(options.effort ?? "auto");
  if (effort) spec.effort = effort;
  if (options.title !== undefined) spec.title = options.title;
  if (options.mode !== undefined) spec.mode = modeNamed(options.mode);
  const limits = turnLimits(options);
  if (limits) spec.limits = limits;
  if (options.attempts !== undefined) spec.attempts = attemptsFrom(options.attempts);
  if (options.image !== undefined) spec.images = await imagesFrom(invocation, options.image);
  const task = await farhand.createTask(spec);
  if (!options.wait) {
    await answer(invocation, task, () => `${task.id}\n`);
    return 0;
  }
  if (!invocation.json) await invocation.screen.out(`${task.id}\n`);
  return follow(invocation, farhand, task.id, { prompt: false });
}

/** What the user says: as given, or from standard input where it is `-` or nothing. */
export async function promptFrom(invocation: Invocation, given: string | undefined): Promise<string> {
  const fromInput = given === undefined || given === "-";
  const prompt = fromInput ? await readInput(invocation, "What is to be done") : given;
  if (!prompt.trim()) throw new Failure("the prompt is empty: say what is to be done", USAGE);
  if (prompt.length > MAX_PROMPT) throw new Failure(`the prompt has ${prompt.length} characters; ${MAX_PROMPT} are allowed`, USAGE);
  return prompt;
}

export function attemptsFrom(text: string): number {
  const attempts = wholeNumber("--attempts", text);
  if (attempts > MAX_ATTEMPTS) throw new Failure(`--attempts takes 1 to ${MAX_ATTEMPTS}, not ${attempts}`, USAGE);
  return attempts;
}

export function modeNamed(text: string): Mode {
  const found = Mode.options.find((mode) => mode === text);
  if (found) return found;
  throw new Failure(`there is no mode ${JSON.stringify(text)}; there are: ${Mode.options.join(", ")}`, USAGE);
}
