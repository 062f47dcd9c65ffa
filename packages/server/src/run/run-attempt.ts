import { type FailureReason, failureInWords } from "@farhand/protocol";
import type { Outcome } from "../domain/outcome.ts";
import { UserError } from "../domain/user-error.ts";
import { SandboxLost, SandboxUnavailable } from "../sandbox/sandbox.ts";
import { openBlob } from "../store/blobs.ts";
import { environmentOfTask } from "../store/environments.ts";
import { type Lease, LeaseLost, settle } from "../store/leases.ts";
import { type Collected, collectPatch } from "./collect.ts";
import { type NetworkLog, networkLog } from "./network-log.ts";
import { Stopped, type WorkerParts } from "./parts.ts";
import { prepare } from "./prepare.ts";
import { patient, patiently, RunFailed, type RunLog, runLog } from "./run-log.ts";
import { CommandFailed } from "./sandbox-git.ts";
import { storedOutput } from "./stored-output.ts";

const COLLECT_LIMIT_MS = 10 * 60_000;
const WORKING_MS_PER_MINUTE = 60_000;

/** Drives one run from its claim to its end, which is stored. Nothing is stored once another run has taken over. */
export async function runAttempt(lease: Lease, parts: WorkerParts, signal: AbortSignal): Promise<void> {
  const outcome = await drive(lease, parts, runLog(parts.db, lease, signal), signal).catch((error) =>
    outcomeOf(error, signal, parts, lease),
  );
  if (outcome === "lost") return;
  await patiently(() => settle(parts.db, lease, outcome), AbortSignal.timeout(parts.config.leaseMs * 4)).catch((error) => {
    if (!(error instanceof LeaseLost)) throw error;
  });
}

/** The path of a run: prepare, work, collect. */
async function drive(lease: Lease, parts: WorkerParts, log: RunLog, signal: AbortSignal): Promise<Outcome> {
  const environment = await patiently(() => environmentOfTask(parts.db, lease.taskId), signal);
  await using network = networkLog(log, "agent"); // ends after the sandbox, whose last requests it stores
  await using place = await prepare(lease, environment, parts, log, network, signal);

  const stopped = await log.phase(
    "agent",
    place.environment.spec.limits.turnMinutes * WORKING_MS_PER_MINUTE,
    (limit) => workIn(place, lease, parts, log, network, limit),
    ({ steps }) => `${steps} ${steps === 1 ? "step" : "steps"}`,
  );

  const change = await log.phase(
    "collect",
    COLLECT_LIMIT_MS,
    (limit) => collectPatch(place.sandbox, { folder: place.folder, base: place.base }, { maxBytes: parts.config.maxPatchBytes }, limit),
    collectedInWords,
  );
  if (change.kind === "too-large")
    throw new RunFailed({ kind: "patch-too-large", bytes: change.bytes, limitBytes: parts.config.maxPatchBytes });

  const blob = await openBlob(patient(parts.db, signal), lease.taskId, "patch", parts.config.maxPatchBytes);
  await blob.write(change.patch);
  const { bytes } = await blob.close();
  const reason = failureOf(stopped);
  if (reason) return { kind: "failed", reason, patch: blob.id, stats: change.stats };
  return { kind: "succeeded", patch: { blob: blob.id, bytes }, stats: change.stats };
}

function collectedInWords({ stats, leftOut }: Collected): string {
  const files = `${stats.files} ${stats.files === 1 ? "file" : "files"}`;
  if (leftOut.length === 0) return files;
  return `${files}; left out: ${leftOut.slice(0, 5).join(", ")}${leftOut.length > 5 ? ` and ${leftOut.length - 5} more` : ""}`;
}

type EngineEnd = { reason: "done" | "gave-up" | "step-limit" | "model-failed"; detail: string; steps: number };
type Place = Awaited<ReturnType<typeof prepare>>;

/** Stores each event before the engine goes on; so a tool runs only after its start is on record. */
async function workIn(
  place: Place,
  lease: Lease,
  { engine, db, config }: WorkerParts,
  log: RunLog,
  network: NetworkLog,
  signal: AbortSignal,
): Promise<EngineEnd> {
  const input = {
    conversation: [{ role: "user", text: lease.prompt } as const],
    stepsBefore: 0,
    model: lease.model,
    workspace: place.folder,
    maxSteps: config.maxSteps,
    network: place.network,
  };
  const keep = {
    storeOutput: () => storedOutput(patient(db, signal), lease.taskId, config.maxOutputBytes),
    refusals: network.refusals,
  };
  let end: EngineEnd | null = null;
  for await (const { events, said } of engine.run(input, place.sandbox, keep, signal)) {
    await log.append(events, said);
    const last = events.at(-1);
    if (last?.type === "engine.stopped") end = last;
  }
  if (!end) throw new Error("the engine ended without saying why");
  return end;
}

function failureOf(end: EngineEnd): FailureReason | null {
  switch (end.reason) {
    case "done":
      return null;
    case "step-limit":
      return { kind: "step-limit", steps: end.steps };
    default:
      return { kind: end.reason, detail: end.detail };
  }
}

/** Sorts what ended a run: by its user, its worker, its sandbox, its repository, or a fault of ours. "lost" = it is no longer ours to say. */
function outcomeOf(error: unknown, signal: AbortSignal, { log }: WorkerParts, lease: Lease): Outcome | "lost" {
  if (error instanceof LeaseLost) return "lost";
  if (signal.aborted) {
    const by = signal.reason instanceof Stopped ? signal.reason.by : "worker-stopping";
    if (by === "lease-lost") return "lost";
    return by === "cancel-requested" ? { kind: "cancelled" } : { kind: "interrupted", detail: "its worker was stopped" };
  }
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
