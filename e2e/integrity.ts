import type { Client, EventBody, TaskEvent } from "@farhand/protocol";

type Type = EventBody["type"];

/** The events of a task until one of these types came, the last one it. Throws with what came instead. */
export async function untilEvent(client: Client, task: string, types: readonly Type[], signal: AbortSignal): Promise<TaskEvent[]> {
  const seen: TaskEvent[] = [];
  try {
    for await (const event of client.events(task, { after: 0, signal })) {
      seen.push(event);
      if (types.includes(event.body.type)) return seen;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  throw new Error(`none of ${types.join(", ")} came for ${task}: ${JSON.stringify(seen.slice(-8).map((event) => event.body))}`);
}

/** What is wrong with the log of a task of one attempt that succeeded and was published. Empty = nothing was lost or doubled. */
export function faultsOf(events: readonly TaskEvent[]): string[] {
  const faults: string[] = [];
  const bodies = events.map((event) => event.body);
  const of = <T extends Type>(type: T) => bodies.filter((body): body is Extract<EventBody, { type: T }> => body.type === type);
  if (events.some((event, index) => event.seq !== index + 1)) faults.push("the numbers of the events have a gap or a double");
  const once = (what: string, values: readonly string[]) => {
    const doubled = values.filter((value, index) => values.indexOf(value) !== index);
    if (doubled.length > 0) faults.push(`${what} more than once: ${[...new Set(doubled)].join(", ")}`);
  };
  const started = of("tool.started");
  once(
    "calls started",
    started.map((body) => body.call),
  );
  const finished = of("tool.finished").map((body) => body.call);
  once("calls finished", finished);
  const commands = finished.map((call) => JSON.stringify(started.find((body) => body.call === call)?.input ?? "never started"));
  once("commands finished", commands);
  for (const type of ["task.created", "attempt.succeeded", "publication.asked", "publication.published"] as const)
    if (of(type).length !== 1) faults.push(`${of(type).length} times ${type}`);
  const runs = events.flatMap((event) => (event.body.type === "run.started" ? [event.run] : []));
  if (runs.some((run, index) => run !== index + 1)) faults.push(`runs are numbered ${runs}`);
  const resumed = events.filter((event) => event.body.type === "run.resumed");
  for (const { body } of resumed) if (body.type === "run.resumed" && body.lost !== null) faults.push(`work was lost: ${body.lost}`);
  return faults;
}
