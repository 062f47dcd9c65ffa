import { isConnectionFault } from "../store/db.ts";
import type { Renewal } from "../store/leases.ts";
import { Stopped, type Stops, type WorkerParts } from "./parts.ts";
import { waker } from "./waker.ts";

/**
 * Does something while its lease is renewed, three times per lease and at once when `hurry` fires. What stops it reaches the deed as the signal's reason (Stopped).
 * A database that is away does not stop it: the run number fences every write.
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
  const renewing = (async () => {
    while (!over.signal.aborted) {
      try {
        const state = await lease.renew();
        if (state === "stop-requested") finish.abort(new Stopped("stop-requested"));
        else if (state !== "held") stop.abort(new Stopped(state === "lost" ? "lease-lost" : "cancel-requested"));
      } catch (error) {
        if (!isConnectionFault(error)) log.error({ err: error }, "a lease could not be renewed; trying again");
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
    over.abort();
    await renewing;
  }
}
