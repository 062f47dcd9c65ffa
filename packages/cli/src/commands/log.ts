import { client, type Invocation } from "../invocation.ts";
import { safe } from "../safe-text.ts";
import { findTask } from "../task-id.ts";

/** A task's transcript so far: as Markdown, with --json as JSON Lines. In a terminal it is shown safely; elsewhere as it is. */
export async function log(invocation: Invocation, options: { task: string }): Promise<number> {
  const farhand = await client(invocation);
  const { id } = await findTask(farhand, options.task);
  const bytes = await farhand.transcript(id, invocation.json ? "jsonl" : "markdown");
  const { screen } = invocation;
  await screen.out(screen.interactive ? safe(new TextDecoder().decode(bytes)) : bytes);
  return 0;
}
