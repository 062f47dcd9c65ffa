import { answer, client, type Invocation, wholeNumber } from "../invocation.ts";
import { safeLine } from "../safe-text.ts";
import { taskText } from "../task-text.ts";

export type ListOptions = { env?: string; limit: string; cursor?: string; archived?: boolean };

/** The tasks, newest first. */
export async function list(invocation: Invocation, options: ListOptions): Promise<number> {
  const limit = wholeNumber("--limit", options.limit);
  const farhand = await client(invocation);
  const page = await farhand.tasks({
    limit,
    archived: options.archived ?? false,
    ...(options.env === undefined ? {} : { environment: options.env }),
    ...(options.cursor === undefined ? {} : { cursor: options.cursor }),
  });
  await answer(invocation, page, () => {
    if (page.tasks.length === 0)
      return options.archived ? "No archived tasks.\n" : 'No tasks. Start one: farhand exec --env NAME "what is to be done"\n';
    const now = Date.now();
    const same = [
      ...(options.env === undefined ? [] : ["--env", options.env]),
      ...(options.archived ? ["--archived"] : []),
      ...(limit === 20 ? [] : ["--limit", limit]),
    ];
    const next = safeLine(["farhand list", ...same, `--cursor='${page.cursor}'`].join(" "));
    const tasks = page.tasks.map((task) => taskText(invocation.screen, task, now)).join("\n");
    return `${tasks}${page.cursor ? `\nTo fetch the next page, run ${next}\n` : ""}`;
  });
  return 0;
}
