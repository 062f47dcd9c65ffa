import type { EventBody } from "@farhand/protocol";

/**
 * The form in which event bodies are written. Whoever changes a stored form so that older ones are not of it any more raises this by one, adds the step
 * from the form before, and adds samples of that form to the test. A new type of event, or a new optional field, needs nothing of this.
 */
export const EVENT_VERSION = 2;

type Stored = { type: string };

/** `STEPS[n]` brings a body of version n to version n + 1. */
const STEPS: Readonly<Record<number, (body: Stored) => Stored>> = {
  1: (body) => (body.type === "step.finished" ? { ...body, type: "step.answered" } : body),
};

/** A stored body in the form of today. */
export function readEvent(version: number, body: object): EventBody {
  let read = body as Stored;
  for (let from = version; from < EVENT_VERSION; from++) read = STEPS[from]?.(read) ?? read;
  return read as EventBody;
}
