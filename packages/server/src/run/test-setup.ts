import type { Outcome } from "../domain/outcome.ts";
import { openBlob } from "../store/blobs.ts";
import type { RunEnvironment } from "../store/environments.ts";
import type { Lease } from "../store/leases.ts";
import { groundFor, hasSetup } from "./ground.ts";
import { holdLayers } from "./layers.ts";
import type { WorkerParts } from "./parts.ts";
import { patient, RunFailed, type RunLog } from "./run-log.ts";

/** Runs setup anew, also where what it left is kept, and keeps what it leaves now. Its failure ends the attempt as that of any task. */
export async function testSetup(
  lease: Lease,
  environment: RunEnvironment,
  parts: WorkerParts,
  log: RunLog,
  signal: AbortSignal,
): Promise<Outcome> {
  using hold = holdLayers();
  const { making } = await groundFor(lease, environment, parts, log, hold, { anew: true });
  if (!hasSetup(making.environment.spec)) throw new RunFailed({ kind: "setup-failed", script: "setup", how: "there is none", tail: "" });
  const blob = await openBlob(patient(parts.db, signal), lease.taskId, "patch", parts.config.maxPatchBytes);
  const { bytes } = await blob.close();
  return { kind: "succeeded", patch: { blob: blob.id, bytes }, stats: { files: 0, added: 0, removed: 0 } };
}
