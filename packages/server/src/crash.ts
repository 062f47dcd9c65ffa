import { closeSync, mkdirSync, openSync } from "node:fs";
import { join } from "node:path";

/**
 * Where a process can be made to stop hard, to see that nothing is lost by it, in the order of a task's path. "committing": all is written, and the
 * transaction is about to commit; "stored", "committed": it has, and nobody has been told.
 */
export const CRASH_POINTS = [
  // api
  "submit: committing",
  "submit: committed",
  "cancel: committed",
  "publication: asking",
  "publication: asked",
  // worker, an attempt
  "worker: given back",
  "claim: committing",
  "claim: committed",
  "checkout: mirror fetched",
  "checkout: base stored",
  "setup: script run",
  "layer: sealed",
  "layer: kept",
  "sandbox: created",
  "sandbox: tree made",
  "sandbox: checkpoint restored",
  "resume: stored",
  "step.started: stored",
  "step.answered: stored",
  "tool.started: stored",
  "tool.output: stored",
  "checkpoint: indexed",
  "checkpoint: pack checked",
  "checkpoint: blob stored",
  "tool.finished: committing",
  "tool.finished: stored",
  "engine.stopped: stored",
  "collect: patch taken",
  "collect: tree saved",
  "collect: patch stored",
  "settle: committing",
  "settle: committed",
  // worker, a publication
  "publish: claimed",
  "publish: mirror fetched",
  "publish: commit made",
  "publish: pushed",
  "publish: committing",
  "publish: committed",
] as const;
export type CrashPoint = (typeof CRASH_POINTS)[number];

let armed: { points: ReadonlySet<CrashPoint>; folder: string } | null = null;

/** From now on this process stops at these points, each only once on this home: a file in `crashes` tells that it has. */
export function armCrashes(points: readonly CrashPoint[], home: string): void {
  if (points.length === 0) return;
  const folder = join(home, "crashes");
  mkdirSync(folder, { recursive: true });
  armed = { points: new Set(points), folder };
}

/** Stops this process here and now, as `kill -9` does, if it is to. */
export function crashAt(point: CrashPoint): void {
  if (!armed?.points.has(point)) return;
  try {
    closeSync(openSync(join(armed.folder, point.replace(/[: ]+/g, "-")), "wx"));
  } catch {
    return; // it did so before
  }
  process.kill(process.pid, "SIGKILL");
}
