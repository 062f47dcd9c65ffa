import type { FailureReason } from "@farhand/protocol";
import { crashAt } from "../crash.ts";
import type { Outcome } from "../domain/outcome.ts";
import { openBlob } from "../store/blobs.ts";
import { type KeptChange, keptChange } from "../store/kept-change.ts";
import type { Lease } from "../store/leases.ts";
import { type Collected, collectPatch } from "./collect.ts";
import type { WorkerParts } from "./parts.ts";
import type { Place } from "./prepare.ts";
import { conversationOf, type EngineEnd } from "./resume.ts";
import { patient, RunFailed, type RunLog } from "./run-log.ts";

const COLLECT_LIMIT_MS = 10 * 60_000;
const DESCRIBING_LIMIT_MS = 60_000;
/** Of a change, what its description is made from. */
const DESCRIBED_BYTES = 256 * 1024;
const NO_CHANGE = { files: 0, added: 0, removed: 0 };

/** Takes out of the sandbox and stores what is left of work that came to its end: of code the whole change, of a question the answer alone. */
export async function resultOf(
  end: EngineEnd,
  place: Place,
  lease: Lease,
  parts: WorkerParts,
  log: RunLog,
  signal: AbortSignal,
): Promise<Outcome> {
  if (lease.mode === "ask" && !end.question) return answered(end, lease, parts, signal);
  const { patch, stats, checkpoint } = await collect(place, parts, log);
  if (lease.mode === "ask" && end.question) {
    const before = await unchanged(lease, parts, signal); // one that is ended while it asks something itself leaves nothing either
    return { kind: "asks", question: end.question, patch: before.blob, stats: before.stats, checkpoint };
  }

  const blob = await openBlob(patient(parts.db, signal), lease.taskId, "patch", parts.config.maxPatchBytes);
  await blob.write(patch);
  const { bytes } = await blob.close();
  crashAt("collect: patch stored");
  const wasStopped = end.reason === "stopped";
  if (!wasStopped) place.keep();
  if (end.question) return { kind: "asks", question: end.question, patch: blob.id, stats, checkpoint };
  const reason = failureOf(end);
  const describes = stats.files > 0 && !wasStopped; // whoever stops the work does not want to wait for a model
  if (describes && reason?.kind !== "model-failed" && reason?.kind !== "budget-reached")
    await describeChange(patch, end, lease, parts, log, signal);
  if (reason) return { kind: "failed", reason, patch: blob.id, stats, checkpoint };
  return { kind: "succeeded", patch: { blob: blob.id, bytes }, stats, checkpoint, stopped: wasStopped };
}

/** The patch of the working tree, and the tree itself saved. */
async function collect(place: Place, { config }: WorkerParts, log: RunLog) {
  const change = await log.phase(
    "collect",
    COLLECT_LIMIT_MS,
    async (limit) => {
      const collected = await collectPatch(place.sandbox, place, { maxBytes: config.maxPatchBytes }, limit);
      crashAt("collect: patch taken");
      const checkpoint = await place.checkpoints.saveCollected(limit);
      crashAt("collect: tree saved");
      return { ...collected, checkpoint };
    },
    collectedInWords,
  );
  if (change.kind === "too-large") throw new RunFailed({ kind: "patch-too-large", bytes: change.bytes, limitBytes: config.maxPatchBytes });
  return change;
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
