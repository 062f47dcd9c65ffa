import { setTimeout as sleep } from "node:timers/promises";
import type { Client, TaskSummary } from "@farhand/protocol";
import { Failure, INTERRUPTED } from "../failure.ts";
import { answer, client, type Invocation, wholeNumber } from "../invocation.ts";
import { patiently } from "../patience.ts";
import { progressLine } from "../progress-line.ts";
import { safeLine } from "../safe-text.ts";
import { findTask } from "../task-id.ts";

const POLL_MS = 250;
const MAX_POLL_MS = 2000;

/** Asks for publication and, unless `wait` is false, waits for its end. Asking for what is published already shows it again. */
export async function pr(invocation: Invocation, options: { task: string; wait: boolean; attempt?: string }): Promise<number> {
  const farhand = await client(invocation);
  const { id } = await findTask(farhand, options.task);
  const asked = await farhand.publish(id, options.attempt === undefined ? {} : { attempt: wholeNumber("--attempt", options.attempt) });
  const task = options.wait ? await end(invocation, farhand, asked) : asked;
  if (!task) {
    invocation.screen.err(`\n${id} is published without you: "farhand status ${id}" shows how it stands.\n`);
    return INTERRUPTED;
  }
  const { publication } = task;
  if (publication?.state === "failed") {
    throw new Failure(`publishing ${id} to ${safeLine(publication.branch)} failed: ${publication.detail}\n"farhand pr ${id}" tries again.`);
  }
  await answer(invocation, task, () => {
    if (publication?.state !== "published") return `${id} is being published${publication ? ` to ${safeLine(publication.branch)}` : ""}\n`;
    const request = publication.pullRequest ? `pull request ${safeLine(publication.pullRequest.url)}\n` : "";
    return `branch ${safeLine(publication.branch)}\ncommit ${safeLine(publication.commit)}\n${request}`;
  });
  return 0;
}

/** null = interrupted. */
async function end({ screen, signal }: Invocation, farhand: Client, asked: TaskSummary): Promise<TaskSummary | null> {
  const progress = progressLine(screen, () => "publishing");
  try {
    let task = asked;
    for (let wait = POLL_MS; ; wait = Math.min(MAX_POLL_MS, wait * 1.5)) {
      if (task.publication?.state === "published" || task.publication?.state === "failed") return task;
      await sleep(wait, undefined, { signal });
      task = await patiently(() => farhand.task(asked.id, signal), signal);
    }
  } catch (error) {
    if (signal.aborted) return null;
    throw error;
  } finally {
    progress.end();
  }
}
