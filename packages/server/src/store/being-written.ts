import { type Writing, withPiece } from "@farhand/protocol";

/** What was heard so long ago is over, or void. */
const FORGET_MS = 5 * 60_000;

/** What models are writing, put together of the pieces that were heard; also what they have just written, since nothing tells that it is whole. */
export function beingWritten() {
  const known = new Map<string, { reply: Writing; at: number }>(); // in the order in which they were last heard

  function forget(): void {
    for (const [key, { at }] of known) {
      if (performance.now() - at < FORGET_MS) return;
      known.delete(key);
    }
  }

  return {
    take(piece: Writing): void {
      const key = `${piece.task} ${piece.turn} ${piece.attempt}`;
      const before = known.get(key)?.reply;
      known.delete(key);
      known.set(key, { reply: withPiece(before?.run === piece.run ? before : null, piece), at: performance.now() });
      forget();
    },
    /** Of the attempts of a task. */
    of(taskId: string): Writing[] {
      forget();
      return [...known.values()].flatMap(({ reply }) => (reply.task === taskId ? [reply] : []));
    },
  };
}
