import { answer, client, type Invocation } from "../invocation.ts";
import { findTask } from "../task-id.ts";
import { lastEvent } from "./reply.ts";
import { follow } from "./watch.ts";

/** Has a task try its last turn again, from where that began. With `wait` shows the work to its end. Returns the exit code. */
export async function retry(invocation: Invocation, options: { task: string; wait?: boolean }): Promise<number> {
  const farhand = await client(invocation);
  const { id } = await findTask(farhand, options.task);
  const after = options.wait ? await lastEvent(farhand, id) : 0;
  const task = await farhand.retry(id);
  if (options.wait) return follow(invocation, farhand, id, { prompt: true, after });
  await answer(invocation, task, () => `${id} tries again, as turn ${task.turn}\n`);
  return 0;
}
