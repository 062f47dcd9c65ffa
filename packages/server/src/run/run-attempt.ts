import { type FailureReason, failureInWords } from "@farhand/protocol";
import { crashAt } from "../crash.ts";
import { type Budget, budgetOf, remainingMs, type Used } from "../domain/budget.ts";
import { MAX_RUNS, type Outcome } from "../domain/outcome.ts";
import { UserError } from "../domain/user-error.ts";
import { HostFull, SandboxLost, SandboxUnavailable } from "../sandbox/sandbox.ts";
import { openBlob } from "../store/blobs.ts";
import { environmentOfTask } from "../store/environments.ts";
import { type KeptChange, keptChange } from "../store/kept-change.ts";
import { type Lease, LeaseLost, noteKept, settle } from "../store/leases.ts";
import { waitingReplies } from "../store/replies.ts";
import { usedBefore } from "../store/usage.ts";
import { type Collected, collectPatch } from "./collect.ts";
import { machineFacts } from "./machine-facts.ts";
import { type NetworkLog, networkLog } from "./network-log.ts";
import type { WorkerParts } from "./parts.ts";
import { prepare } from "./prepare.ts";
import { conversationOf, type EngineEnd, startOf } from "./resume.ts";
import { patient, patiently, RunFailed, type RunLog, runLog } from "./run-log.ts";
import { CommandFailed } from "./sandbox-git.ts";
import { Stopped, type Stops } from "./stops.ts";
import { storedOutput } from "./stored-output.ts";
import { testSetup } from "./test-setup.ts";
import { tellingWriting } from "./writing.ts";

const COLLECT_LIMIT_MS = 10 * 60_000;
/** An agent whose time is up stops by itself; this is for one that does not. */
const STOPPING_LIMIT_MS = 60_000;
const DESCRIBING_LIMIT_MS = 60_000;
/** Of a change, what its description is made from. */
const DESCRIBED_BYTES = 256 * 1024;
const NO_CHANGE = { files: 0, added: 0, removed: 0 };

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

/** The path of a run: prepare, work, collect. */
async function drive(lease: Lease, parts: WorkerParts, log: RunLog, { signal, finish }: Stops): Promise<Outcome> {
  const environment = await patiently(() => environmentOfTask(parts.db, lease.taskId), signal);
  if (lease.kind === "setup-test") return testSetup(lease, environment, parts, log, signal);
  const start = await startOf(lease, patient(parts.db, signal));
  await using network = networkLog(log, "agent"); // ends after the sandbox, whose last requests it stores
  await using place = await prepare(lease, start, environment, parts, log, network, signal);

  const budget = budgetOf(lease.limits, place.environment.spec.limits.turnMinutes, parts.config);
  const used = await patiently(() => usedBefore(parts.db, lease), signal);
  const stopped =
    place.start.stopped ??
    (await log.phase(
      "agent",
      Math.max(0, remainingMs(budget, used)),
      (limit) => workIn({ place, budget, used }, lease, parts, log, network, { signal: limit, finish }),
      ({ steps }) => `${steps} ${steps === 1 ? "step" : "steps"}`,
      STOPPING_LIMIT_MS,
    ));

  if (lease.mode === "ask" && !stopped.question) return answered(stopped, lease, parts, signal);
  const change = await log.phase(
    "collect",
    COLLECT_LIMIT_MS,
    async (limit) => {
      const collected = await collectPatch(place.sandbox, place, { maxBytes: parts.config.maxPatchBytes }, limit);
      crashAt("collect: patch taken");
      const checkpoint = await place.checkpoints.saveCollected(limit);
      crashAt("collect: tree saved");
      return { ...collected, checkpoint };
    },
    collectedInWords,
  );
  if (change.kind === "too-large")
    throw new RunFailed({ kind: "patch-too-large", bytes: change.bytes, limitBytes: parts.config.maxPatchBytes });

  if (lease.mode === "ask" && stopped.question) {
    const { blob: patch, stats } = await unchanged(lease, parts, signal); // one that is ended while it asks something itself leaves nothing either
    return { kind: "asks", question: stopped.question, patch, stats, checkpoint: change.checkpoint };
  }

  const blob = await openBlob(patient(parts.db, signal), lease.taskId, "patch", parts.config.maxPatchBytes);
  await blob.write(change.patch);
  const { bytes } = await blob.close();
  crashAt("collect: patch stored");
  const reason = failureOf(stopped);
  const { stats, checkpoint } = change;
  if (stopped.reason !== "stopped") place.keep();
  if (stopped.question) return { kind: "asks", question: stopped.question, patch: blob.id, stats, checkpoint };
  const describes = stats.files > 0 && stopped.reason !== "stopped"; // whoever stops the work does not want to wait for a model
  if (describes && reason?.kind !== "model-failed" && reason?.kind !== "budget-reached")
    await describeChange(change.patch, stopped, lease, parts, log, signal);
  if (reason) return { kind: "failed", reason, patch: blob.id, stats, checkpoint };
  return { kind: "succeeded", patch: { blob: blob.id, bytes }, stats, checkpoint, stopped: stopped.reason === "stopped" };
}

/** Has the whole change told in words, of all turns. Where that does not work, what was asked has to do. */
async function describeChange(
  patch: Uint8Array,
  { steps }: EngineEnd,
  lease: Lease,
  { engine, db, log: diary }: WorkerParts,
  log: RunLog,
  signal: AbortSignal,
): Promise<void> {
  const startedAt = performance.now();
  const limit = AbortSignal.timeout(DESCRIBING_LIMIT_MS);
  const conversation = (await conversationOf(lease, patient(db, signal))).flatMap((one) => (one.role === "summary" ? [] : [one]));
  const work = { conversation, patch: Buffer.from(patch.subarray(0, DESCRIBED_BYTES)).toString("utf8") };
  const told = await engine.describe(lease.model, work, AbortSignal.any([signal, limit])).catch((error) => {
    signal.throwIfAborted();
    diary.warn({ err: error, task: lease.taskId }, "a change could not be described");
    return null;
  });
  if (!told?.description) return;
  const durationMs = Math.round(performance.now() - startedAt);
  await log.append([{ type: "change.described", step: steps + 1, ...told.description, usage: told.usage, durationMs }]);
}

/** Of a question nothing is kept but the answer, whatever the tree looks like: the change is that of the attempt which it follows. */
async function answered(stopped: EngineEnd, lease: Lease, parts: WorkerParts, signal: AbortSignal): Promise<Outcome> {
  const { blob, bytes, stats } = await unchanged(lease, parts, signal);
  const reason = failureOf(stopped);
  if (reason) return { kind: "failed", reason, patch: blob, stats };
  return { kind: "succeeded", patch: { blob, bytes }, stats, stopped: stopped.reason === "stopped" };
}

/** The change that the attempt began with; a task that begins with a question has an empty one. */
async function unchanged(lease: Lease, { db, config }: WorkerParts, signal: AbortSignal): Promise<KeptChange> {
  const before = lease.follows === null ? null : await keptChange(patient(db, signal), lease.follows);
  if (before) return before;
  const blob = await openBlob(patient(db, signal), lease.taskId, "patch", config.maxPatchBytes);
  const { bytes } = await blob.close();
  return { blob: blob.id, bytes, stats: NO_CHANGE };
}

function collectedInWords({ stats, leftOut }: Collected): string {
  const files = `${stats.files} ${stats.files === 1 ? "file" : "files"}`;
  if (leftOut.length === 0) return files;
  return `${files}; left out: ${leftOut.slice(0, 5).join(", ")}${leftOut.length > 5 ? ` and ${leftOut.length - 5} more` : ""}`;
}

/** What the agent works in and with. */
type Working = {
  place: Awaited<ReturnType<typeof prepare>>;
  budget: Budget;
  used: Omit<Used, "steps">;
};

/**
 * Stores each report before the engine goes on; so a tool runs only after its start is on record. Only after a change of the tree the engine may ask
 * its model while the tree is being saved: no tool starts before that is done, and all is stored in its order.
 */
async function workIn(
  { place, budget, used }: Working,
  lease: Lease,
  { engine, db, config, log: diary }: WorkerParts,
  log: RunLog,
  network: NetworkLog,
  { signal, finish }: Stops,
): Promise<EngineEnd> {
  const input = {
    conversation: await conversationOf(lease, patient(db, signal)),
    stepsBefore: place.start.stepsBefore,
    machineIsNew: !place.isWarm && (place.start.keptUntil > 0 || lease.follows !== null),
    machineStands: place.isWarm,
    wentBack: lease.followsUntil !== null && place.start.keptUntil === 0,
    model: lease.model,
    ...(lease.effort && { effort: lease.effort }),
    workspace: place.folder,
    usedBefore: used,
    budget,
    mode: lease.mode,
    machine: await machineFacts(place.sandbox, signal),
    repository: place.repository,
    ...(place.setupFailed && { setupFailed: failureInWords(place.setupFailed) }),
    checks: lease.mode === "code" ? place.environment.spec.checks : [],
    network: place.network,
  };
  const writing = tellingWriting(db, lease, diary);
  const keep = {
    storeOutput: () => storedOutput(patient(db, signal), lease.taskId, config.maxOutputBytes),
    replies: () => waitingReplies(patient(db, signal), lease.attemptId),
    refusals: network.refusals,
    isUnchanged: () => place.checkpoints.isUnchanged(),
    finish,
    writing: writing.write,
  };
  let end: EngineEnd | null = null;
  try {
    for await (const { events, said, mayHaveChanged } of engine.run(input, place.sandbox, keep, signal)) {
      writing.end();
      const isToKeep = mayHaveChanged && lease.mode === "code";
      const stored = log.append(events, said, isToKeep ? place.checkpoints.save(signal) : undefined);
      const last = events.at(-1);
      if (!isToKeep && last?.type !== "step.started") await stored;
      if (last?.type === "engine.stopped") end = last;
    }
  } finally {
    writing.end();
  }
  if (!end) throw new Error("the engine ended without saying why");
  return end;
}

function failureOf(end: EngineEnd): FailureReason | null {
  switch (end.reason) {
    case "done":
    case "stopped":
    case "asks":
      return null;
    case "budget-reached":
      return end.limit ? { kind: "budget-reached", ...end.limit } : { kind: "internal-error", detail: end.detail };
    case "step-limit":
      return { kind: "step-limit", steps: end.steps };
    default:
      return { kind: end.reason, detail: end.detail };
  }
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
