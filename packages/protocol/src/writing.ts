import { z } from "zod";
import type { AttemptView, TranscriptView, WritingView } from "./transcript-view.ts";

/**
 * A piece of what a model is writing at this moment. No event: it has no number, is not kept, and whoever misses it misses nothing, since the whole reply
 * comes as an event.
 */
export const Writing = z.object({
  task: z.string(),
  turn: z.int(),
  attempt: z.int(),
  run: z.int(),
  step: z.int(),
  /** How much of the same reply came before it, in UTF-16 units. */
  from: z.int(),
  text: z.string(),
});
export type Writing = z.infer<typeof Writing>;

/** What is known of a reply once this piece of it was heard; one that does not follow on what is known begins anew. */
export function withPiece<Known extends WritingView>(known: Known | null | undefined, piece: Known): Known {
  const goesOn = known?.step === piece.step && known.from + known.text.length === piece.from;
  return goesOn ? { ...known, text: known.text + piece.text } : piece;
}

/** Takes a piece into the view, in place. It may come before the events that it belongs to, or after them. */
export function takeWriting(view: TranscriptView, { turn, attempt: number, run, step, from, text }: Writing): void {
  const attempts = view.turns.find((one) => one.turn === turn)?.attempts ?? [];
  const attempt = attempts.find((one) => one.number === number);
  if (attempt?.state.state !== "running" || run < attempt.run || step <= attempt.answered) return;
  attempt.writing = withPiece(attempt.writing, { step, from, text });
}

/** A step was answered: what was written of it, and before it, stands in events now. */
export function endWriting(attempt: AttemptView, step: number): void {
  attempt.answered = Math.max(attempt.answered, step);
  if (attempt.writing && attempt.writing.step <= step) attempt.writing = null;
}
