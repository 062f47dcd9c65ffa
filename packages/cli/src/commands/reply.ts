import type { Client, NewTurn, TaskSummary } from "@farhand/protocol";
import { Failure, USAGE } from "../failure.ts";
import { imagesFrom } from "../images.ts";
import { answer, client, type Invocation, wholeNumber } from "../invocation.ts";
import { type LimitOptions, limitChanges } from "../limit-options.ts";
import { findTask } from "../task-id.ts";
import { attemptsFrom, modeNamed, promptFrom } from "./exec.ts";
import { effortFrom } from "./models.ts";
import { follow } from "./watch.ts";

export type ReplyOptions = LimitOptions & {
  task: string;
  text?: string;
  attempt?: string;
  attempts?: string;
  fromStep?: string;
  model?: string;
  effort?: string;
  mode?: string;
  image?: string[];
  wait?: boolean;
};

/** Says something to a task: to the agent while it works, else as the prompt of the next turn. With `wait` shows the work to its end. Returns the exit code. */
export async function reply(invocation: Invocation, options: ReplyOptions): Promise<number> {
  const farhand = await client(invocation);
  const before = await findTask(farhand, options.task);
  const text = await promptFrom(invocation, options.text);
  const attempt = options.attempt === undefined ? {} : { attempt: wholeNumber("--attempt", options.attempt) };
  const asks = before.attempts.some(({ state }) => state === "awaiting-input");
  const works = asks || before.status === "running" || before.status === "waiting";
  const limits = limitChanges(options);
  const { attempts, fromStep, model, effort, mode, image } = options;
  if (works && (limits || [attempts, fromStep, model, effort, mode, image].some((option) => option !== undefined)))
    throw new Failure(
      `task ${before.id} still works: --attempts, --from-step, --model, --effort, --mode, --image and limits are for the next turn`,
      USAGE,
    );
  const turn: NewTurn = { prompt: text, ...attempt };
  if (attempts !== undefined) turn.attempts = attemptsFrom(attempts);
  if (fromStep !== undefined) turn.fromStep = wholeNumber("--from-step", fromStep);
  if (limits) turn.limits = limits;
  if (model !== undefined) turn.model = model;
  if (effort !== undefined) turn.effort = effortFrom(effort);
  if (mode !== undefined) turn.mode = modeNamed(mode);
  if (image !== undefined) turn.images = await imagesFrom(invocation, image);
  const after = options.wait ? await lastEvent(farhand, before.id) : 0;
  const task = works ? await farhand.say(before.id, { text, ...attempt }) : await farhand.followUp(before.id, turn);
  if (!options.wait) {
    await answer(invocation, task, () => `${task.id} ${asks ? "has its answer" : said(task, works)}\n`);
    return 0;
  }
  return follow(invocation, farhand, task.id, { prompt: works, after });
}

/** What came before is known to who goes on with a task. */
export async function lastEvent(farhand: Client, id: string): Promise<number> {
  for (let last = 0; ; ) {
    const newest = (await farhand.eventPage(id, { after: last })).at(-1);
    if (!newest) return last;
    last = newest.seq;
  }
}

function said(task: TaskSummary, works: boolean): string {
  return works ? "is told before its next step" : `begins turn ${task.turn}`;
}
