import { type FailureReason, failureInWords } from "@farhand/protocol";
import { MAX_RUNS, type Outcome } from "../domain/outcome.ts";
import { UserError } from "../domain/user-error.ts";
import { HostFull, SandboxLost, SandboxUnavailable } from "../sandbox/sandbox.ts";
import { environmentOfTask } from "../store/environments.ts";
import { type Lease, LeaseLost, noteKept, settle } from "../store/leases.ts";
import { networkLog } from "./network-log.ts";
import type { WorkerParts } from "./parts.ts";
import { prepare } from "./prepare.ts";
import { resultOf } from "./result.ts";
import { startOf } from "./resume.ts";
import { patient, patiently, RunFailed, type RunLog, runLog } from "./run-log.ts";
import { CommandFailed } from "./sandbox-git.ts";
import { Stopped, type Stops } from "./stops.ts";
import { testSetup } from "./test-setup.ts";
import { work } from "./work.ts";

/** Drives one run from its claim to its end, which is stored. Nothing is stored once another run has taken over. */
export async function runAttempt(lease: Lease, parts: WorkerParts, stops: Stops): Promise<void> {
  const log = runLog(parts.db, lease, stops, (events) => parts.counters.stored(lease.model, events));
  const outcome = await drive(lease, parts, log, stops).catch((error) => outcomeOf(error, stops.signal, parts, lease));
  if (outcome === "lost") return parts.kept.drop(lease.attemptId);
  if (parts.kept.has(lease.attemptId)) await noteKept(parts.db, lease, parts.config.workerName, parts.config.keepSandboxMs).catch(() => {}); // it only says who is asked first
  await patiently(() => settle(parts.db, lease, outcome), AbortSignal.timeout(parts.config.leaseMs * 4)).then(
    () => parts.counters.ended(outcome),
    (error) => {
      parts.kept.drop(lease.attemptId);
      if (!(error instanceof LeaseLost)) throw error;
    },
  );
}

/** The path of a run. */
async function drive(lease: Lease, parts: WorkerParts, log: RunLog, stops: Stops): Promise<Outcome> {
  const { signal } = stops;
  const environment = await patiently(() => environmentOfTask(parts.db, lease.taskId), signal);
  if (lease.kind === "setup-test") return testSetup(lease, environment, parts, log, signal);
  const start = await startOf(lease, patient(parts.db, signal));
  await using network = networkLog(log, "agent"); // ends after the sandbox, whose last requests it stores
  await using place = await prepare(lease, start, environment, parts, log, network, signal);
  const end = place.start.stopped ?? (await work(place, lease, parts, log, network, stops));
  return await resultOf(end, place, lease, parts, log, signal);
}

const INTERRUPTED: Partial<Record<Stopped["by"], string>> = { "cannot-renew": "its worker could not reach the database" };

/** Sorts what ended a run: by its user, its worker, its sandbox, its repository, or a fault of ours. "lost" = it is no longer ours to say. */
function outcomeOf(error: unknown, signal: AbortSignal, { log }: WorkerParts, lease: Lease): Outcome | "lost" {
  if (error instanceof LeaseLost) return "lost";
  if (error instanceof Stopped && error.by === "stop-requested") return { kind: "cancelled" }; // there was nothing to keep yet
  if (signal.aborted) {
    const by = signal.reason instanceof Stopped ? signal.reason.by : "worker-stopping";
    if (by === "lease-lost") return "lost";
    return by === "cancel-requested" ? { kind: "cancelled" } : { kind: "interrupted", detail: INTERRUPTED[by] ?? "its worker was stopped" };
  }
  if (error instanceof Error && error.cause instanceof HostFull && lease.run < MAX_RUNS)
    // else it may be what fills the disk
    return { kind: "interrupted", detail: error.message };
  const reason = reasonOf(error);
  log.warn({ err: error, task: lease.taskId, run: lease.run }, failureInWords(reason));
  return { kind: "failed", reason, patch: null, stats: null };
}

function reasonOf(error: unknown): FailureReason {
  if (error instanceof RunFailed) return error.reason;
  if (error instanceof SandboxLost) return { kind: "sandbox-lost", detail: error.message };
  if (error instanceof SandboxUnavailable) return { kind: "sandbox-unavailable", detail: error.message };
  if (error instanceof UserError || error instanceof CommandFailed) return { kind: "checkout-failed", detail: error.message };
  return { kind: "internal-error", detail: error instanceof Error ? error.message : String(error) };
}
