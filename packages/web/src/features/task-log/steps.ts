import type { AttemptView, TaskEvent, TurnView, Usage } from "@farhand/protocol";

/** One model request; what is null is not known yet. */
export type StepView = {
  /** Of the event that it began with. */
  seq: number;
  turn: number;
  attempt: number;
  run: number;
  step: number;
  model: string;
  at: string;
  durationMs: number | null;
  usage: Usage | null;
};

/** Adds what an event says about the model's requests. Changes `steps` in place. */
export function takeStep(steps: StepView[], event: TaskEvent): void {
  const { body } = event;
  const run = event.run ?? 1;
  const turn = event.turn ?? 1;
  const attempt = event.attempt ?? 1;
  if (body.type === "step.started")
    steps.push({
      seq: event.seq,
      turn,
      attempt,
      run,
      step: body.step,
      model: body.model,
      at: event.at,
      durationMs: null,
      usage: null,
    });
  if (body.type !== "step.answered") return;
  const at = steps.findLastIndex((one) => one.turn === turn && one.attempt === attempt && one.run === run && one.step === body.step);
  const found = steps[at];
  if (found) steps[at] = { ...found, durationMs: body.durationMs, usage: body.usage };
}

/** Those of one attempt. */
export function stepsOf(steps: readonly StepView[], turn: TurnView | undefined, attempt: AttemptView | undefined): StepView[] {
  return steps.filter((step) => step.turn === turn?.turn && step.attempt === attempt?.number);
}
