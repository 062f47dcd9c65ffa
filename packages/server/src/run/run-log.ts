import { setTimeout as sleep } from "node:timers/promises";
import type { EngineEvent, FailureReason, Phase, RunEvent } from "@farhand/protocol";
import type { Checkpoint } from "../domain/checkpoint.ts";
import type { StoredMessage } from "../store/conversation.ts";
import { type Db, isConnectionFault, type Queries } from "../store/db.ts";
import { appendRunEvents, type Lease } from "../store/leases.ts";
import type { Stops } from "./stops.ts";

const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 3000;

/** Ends a run as failed, for a reason that its user can read. */
export class RunFailed extends Error {
  override readonly name = "RunFailed";
  readonly reason: FailureReason;

  constructor(reason: FailureReason, options?: ErrorOptions) {
    super(reason.kind, options);
    this.reason = reason;
  }
}

/** The events of one run, in their order. A database that is away is waited for, until the signal; nothing is lost or doubled by that. */
export interface RunLog {
  /**
   * Resolves once the events are stored, and with them what the conversation grew by and the tree as it was then, which is waited for.
   * Throws LeaseLost, and what saving the tree threw; then nothing can be stored any more.
   */
  append(events: readonly (EngineEvent | RunEvent)[], said?: readonly StoredMessage[], saving?: Promise<Checkpoint>): Promise<void>;
  /**
   * Does one phase under its deadline, and logs its start, end and what `note` says of the result. Throws RunFailed `time-limit`. `graceMs`: the
   * work stops itself at the limit, and has so much longer for it.
   */
  phase<T>(
    phase: Phase,
    limitMs: number,
    work: (signal: AbortSignal, progress: (text: string) => void) => Promise<T>,
    note: (result: T) => string,
    graceMs?: number,
  ): Promise<T>;
}

/** Before the agent works there is nothing to keep. */
const PREPARING: ReadonlySet<Phase> = new Set(["checkout", "setup", "sandbox"]);

/** `onStored` gets the events once they are. `finish` asks the run to come to its end: it ends the phases of a first run that come before the agent. */
export function runLog(
  db: Db,
  lease: Lease,
  { signal, finish }: Stops,
  onStored: (events: readonly (EngineEvent | RunEvent)[]) => void = () => {},
): RunLog {
  let stored = 0;
  let isLost = false;
  let last: Promise<void> = Promise.resolve();
  const append: RunLog["append"] = (events, said, saving) => {
    last = last.then(async () => {
      const checkpoint = await saving;
      const lost = checkpoint && "lost" in checkpoint ? checkpoint.lost : null;
      const all = lost === null || isLost ? events : [...events, { type: "checkpoint.failed", detail: lost } as const];
      if (checkpoint) isLost = lost !== null;
      await patiently(() => appendRunEvents(db, lease, stored, all, said, checkpoint), signal);
      stored += all.length;
      onStored(all);
    });
    last.catch(() => {}); // whoever needs to know awaits it, or the next one
    return last;
  };
  return {
    append,
    async phase(phase, limitMs, work, note, graceMs = 0) {
      await append([{ type: "phase.started", phase, limitMs }]);
      const startedAt = performance.now();
      const deadline = AbortSignal.timeout(limitMs + graceMs);
      const progress = (text: string) => void append([{ type: "phase.progress", phase, text }]).catch(() => {}); // the next append tells
      const stops = lease.run === 1 && PREPARING.has(phase) ? [signal, deadline, finish] : [signal, deadline];
      const result = await work(AbortSignal.any(stops), progress).catch((cause) => {
        if (stops.includes(finish) && finish.aborted && !signal.aborted) throw finish.reason;
        if (deadline.aborted && !signal.aborted) throw new RunFailed({ kind: "time-limit", phase, limitMs }, { cause });
        throw cause;
      });
      await append([{ type: "phase.finished", phase, durationMs: Math.round(performance.now() - startedAt), note: note(result) }]);
      return result;
    },
  };
}

/** Waits for it, but no longer than until the signal: a statement on a connection that is dead without knowing it may hang for many minutes. */
export async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const stop = () => aborted.reject(signal.reason);
  if (signal.aborted) stop();
  signal.addEventListener("abort", stop);
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/** Repeats what may be repeated while the database does not answer, until the signal. */
export async function patiently<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (let waitMs = FIRST_RETRY_MS; ; waitMs = Math.min(waitMs * 2, LAST_RETRY_MS)) {
    try {
      return await untilAborted(work(), signal);
    } catch (error) {
      if (signal.aborted || !isConnectionFault(error)) throw error;
      await sleep(waitMs, undefined, { signal }).catch(() => {
        throw signal.reason;
      });
    }
  }
}

/** For statements that may be repeated. */
export function patient(db: Queries, signal: AbortSignal): Queries {
  return { query: (statement) => patiently(() => db.query(statement), signal) };
}
