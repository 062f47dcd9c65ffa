import type { Logger } from "pino";
import type { Queries } from "../store/db.ts";
import type { Lease } from "../store/leases.ts";
import { MOST_WRITING_CHARS, tellWriting } from "../store/writing.ts";

const PAUSE_MS = 250;
/** Of one reply; the rest is seen when it is whole. */
const MOST_CHARS = 20_000;

/** Tells those who look on what a model is writing, a few times a second. Nothing waits for it, and what cannot be told is dropped. */
export function tellingWriting(db: Queries, { taskId: task, turn, attempt, run }: Lease, log: Logger) {
  let step = 0;
  let from = 0;
  let text = "";
  let isTelling = false;
  let timer: NodeJS.Timeout | null = null;

  const schedule = () => {
    if (timer || isTelling || text === "") return;
    timer = setTimeout(() => void tell(), PAUSE_MS);
  };
  const tell = async () => {
    timer = null;
    isTelling = true;
    const piece = text.slice(0, MOST_WRITING_CHARS);
    const writing = { task, turn, attempt, run, step, from, text: piece };
    text = text.slice(piece.length);
    from += piece.length;
    await tellWriting(db, writing).catch((error) => log.debug({ err: error, task }, "what a model writes could not be told"));
    isTelling = false;
    schedule();
  };

  return {
    write(toStep: number, more: string): void {
      step = toStep;
      if (from + text.length < MOST_CHARS) text += more;
      schedule();
    },
    /** What was written stands in the log now, or is void. */
    end(): void {
      if (timer) clearTimeout(timer);
      timer = null;
      from = 0;
      text = "";
    },
  };
}
