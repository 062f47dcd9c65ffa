import type { Client, Following, TaskEvent, TaskSummary } from "@farhand/protocol";
import { FAILED, INTERRUPTED } from "../failure.ts";
import { client, type Invocation } from "../invocation.ts";
import { patiently } from "../patience.ts";
import { safe, safeJson } from "../safe-text.ts";
import { findTask } from "../task-id.ts";
import { wayOut } from "../task-text.ts";
import { transcriptPrinter } from "../transcript-printer.ts";
import { isGood } from "../words.ts";

/** Shows a task from its beginning and on, until it has ended. Returns the exit code. */
export async function watch(invocation: Invocation, options: { task: string }): Promise<number> {
  const farhand = await client(invocation);
  const task = await findTask(farhand, options.task);
  return follow(invocation, farhand, task.id, { prompt: true });
}

/**
 * Follows a task to its end: 0 = ready or published. Ctrl-C leaves it running. With --json each line is an event, and the last one the task. `after`:
 * events up to this one are not shown.
 */
export async function follow(
  invocation: Invocation,
  farhand: Client,
  id: string,
  options: { prompt: boolean; after?: number },
): Promise<number> {
  const { screen, json } = invocation;
  const printer = json ? null : transcriptPrinter(screen, options);
  const stop = new AbortController();
  const signal = AbortSignal.any([invocation.signal, stop.signal]);
  let task: TaskSummary | null = null;
  let last = 0;
  const show = async (event: TaskEvent) => {
    last = event.seq;
    if (printer) await printer.take(event);
    else if (event.seq > (options.after ?? 0)) await screen.out(`${safeJson(event)}\n`);
  };
  const following: Following = {
    signal,
    onConnection: (connection) => printer?.connection(connection),
    ...(printer && screen.interactive && { onWriting: (writing) => printer.writing(writing) }),
  };
  try {
    for await (const event of farhand.events(id, following)) {
      await show(event);
      if (!mayEnd(event.body.type)) continue;
      task = await patiently(() => farhand.task(id, invocation.signal), invocation.signal);
      if (hasEnded(task)) break;
    }
    for (let more = true; more && !signal.aborted; ) {
      const events = await patiently(() => farhand.eventPage(id, { after: last }), invocation.signal); // of a task that ended long ago, what came after its end
      for (const event of events) await show(event);
      more = events.length > 0;
    }
  } catch (error) {
    if (!invocation.signal.aborted) throw error;
  } finally {
    printer?.end();
    stop.abort();
  }
  if (invocation.signal.aborted || !task) {
    screen.err(`\n${id} goes on without you.\n  farhand watch ${id}    shows it again\n  farhand cancel ${id}   ends it\n`);
    return INTERRUPTED;
  }
  if (json) await screen.out(`${safeJson(task)}\n`);
  else await screen.out(closing(invocation, task));
  return isGood(task.status) ? 0 : FAILED;
}

function mayEnd(type: string): boolean {
  return /^(attempt|publication)\./.test(type);
}

/** No attempt is on its way, and no publication: one that the environment asks for comes in the same moment as the attempt's end. */
export function hasEnded(task: TaskSummary): boolean {
  if (task.status === "running" || task.status === "waiting") return false;
  return task.publication?.state !== "asked" && task.publication?.state !== "publishing";
}

function closing({ screen }: Invocation, task: TaskSummary): string {
  const words = safe(`${task.id}: ${task.statusText}`);
  if (!isGood(task.status)) return `${screen.style(task.status === "needs-you" ? "yellow" : "red", words)}\n${wayOut(screen, task)}`;
  if (task.kind === "setup-test") return `${screen.style("green", words)}\n`;
  const which = task.attempts.length > 1 && task.chosen === null ? " --attempt 1" : "";
  const verbs = task.status === "answered" ? ["log"] : ["diff", "apply", ...(task.status === "ready" ? ["pr"] : [])];
  const next = verbs.map((verb) => `  farhand ${verb} ${task.id}${verb === "log" ? "" : which}\n`);
  return `${screen.style("green", words)}\n${screen.interactive ? screen.style("dim", next.join("")) : ""}`;
}
