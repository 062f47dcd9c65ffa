import { FAILED } from "../failure.ts";
import { answer, client, type Invocation } from "../invocation.ts";
import { findTask } from "../task-id.ts";
import { taskDetails } from "../task-text.ts";
import { isGood } from "../words.ts";

/** How a task stands; the exit code is 0 only when it is ready or published. */
export async function status(invocation: Invocation, options: { task: string }): Promise<number> {
  const task = await findTask(await client(invocation), options.task);
  await answer(invocation, task, () => taskDetails(invocation.screen, task, Date.now()));
  return isGood(task.status) ? 0 : FAILED;
}
