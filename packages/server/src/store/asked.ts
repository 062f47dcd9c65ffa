import type { Db } from "./db.ts";

/** Does `ask`, then waits until somebody notifies the channel of this id, or until the time is over; which of both, the asker sees in its row. */
export async function untilAnswered(db: Db, channel: string, id: string, timeoutMs: number, ask: () => Promise<void>): Promise<void> {
  const over = new AbortController();
  const { promise: answered, resolve } = Promise.withResolvers<void>();
  await db.listen(channel, (payload) => (payload === id || payload === null) && resolve(), over.signal);
  const timer = setTimeout(resolve, timeoutMs);
  try {
    await ask();
    await answered;
  } finally {
    clearTimeout(timer);
    over.abort();
  }
}
