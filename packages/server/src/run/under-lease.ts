import { isConnectionFault } from "../store/db.ts";
import type { Renewal } from "../store/leases.ts";
import type { WorkerParts } from "./parts.ts";
import { untilAborted } from "./run-log.ts";
import { Stopped, type Stops } from "./stops.ts";
import { waker } from "./waker.ts";

/** How many lease times a worker goes on without a word from the database. */
const LEASES_WITHOUT_RENEWAL = 8;

/**
 * Does something while its lease is renewed, three times per lease and at once when `hurry` fires. What stops it reaches the deed as the signal's reason (Stopped).
 * A database that is away for a while does not stop it: the run number fences every write. But after LEASES_WITHOUT_RENEWAL the deed is stopped, whether
 * a statement hangs or fails, since another worker may long be doing the same. No clock that can be set is asked, here or there: leases end by the
 * database's, and the patience here is a timer.
 */
export async function underLease(
  { config, log }: Pick<WorkerParts, "config" | "log">,
  lease: { renew(): Promise<Renewal>; hurry: (wake: () => void, over: AbortSignal) => void },
  deed: (stops: Stops) => Promise<void>,
  stopping: AbortSignal,
): Promise<void> {
  const stop = new AbortController();
  const finish = new AbortController();
  const over = new AbortController();
  const turn = waker();
  lease.hurry(turn.wake, over.signal);
  over.signal.addEventListener("abort", turn.wake);
  let silent = 0;
  // Counted one by one, so that a process that stood still itself asks before it gives up.
  const patience = setInterval(() => {
    silent += 1;
    if (silent < LEASES_WITHOUT_RENEWAL) return;
    clearInterval(patience);
    log.warn("a lease could not be renewed for too long, so its work is stopped");
    stop.abort(new Stopped("cannot-renew"));
  }, config.leaseMs);
  const renewing = (async () => {
    while (!over.signal.aborted) {
      try {
        const state = await untilAborted(lease.renew(), over.signal);
        silent = 0;
        if (state === "stop-requested") finish.abort(new Stopped("stop-requested"));
        else if (state !== "held") stop.abort(new Stopped(state === "lost" ? "lease-lost" : "cancel-requested"));
      } catch (error) {
        if (!isConnectionFault(error) && !over.signal.aborted) log.error({ err: error }, "a lease could not be renewed; trying again");
      }
      await turn.wait(config.leaseMs / 3);
    }
  })();
  const stopAll = () => stop.abort(new Stopped("worker-stopping"));
  stopping.addEventListener("abort", stopAll, { once: true });
  if (stopping.aborted) stopAll();
  try {
    await deed({ signal: stop.signal, finish: finish.signal });
  } finally {
    stopping.removeEventListener("abort", stopAll);
    clearInterval(patience);
    over.abort();
    await renewing;
  }
}
