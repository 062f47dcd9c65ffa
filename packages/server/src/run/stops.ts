/** `signal` ends a deed; `finish` asks it to come to its end and keep what was done. The reason of both is a Stopped. */
export type Stops = { signal: AbortSignal; finish: AbortSignal };

/** Why work was stopped from outside; the reason of the signals that runs get. */
export class Stopped extends Error {
  override readonly name = "Stopped";
  readonly by: "cancel-requested" | "stop-requested" | "lease-lost" | "cannot-renew" | "worker-stopping";

  constructor(by: Stopped["by"]) {
    super(by);
    this.by = by;
  }
}
