import type { EngineEvent } from "@farhand/protocol";
import type { SavedTree } from "../domain/checkpoint.ts";
import type { Spoken } from "../engine/compaction.ts";
import { lastTree, resumePoint } from "../store/checkpoints.ts";
import { readConversation } from "../store/conversation.ts";
import type { Queries } from "../store/db.ts";
import type { Lease } from "../store/leases.ts";
import { RunFailed, type RunLog } from "./run-log.ts";

export type EngineEnd = Extract<EngineEvent, { type: "engine.stopped" }>;

/** Where a run begins: at its attempt's start, or where the run before it was cut off. */
export type Start = {
  /** The tree to begin with; null = the base commit's. */
  tree: SavedTree | null;
  /** The tree that the attempt itself began with, for the case that `tree` cannot be restored. */
  first: SavedTree | null;
  keptUntil: number;
  /** Why work is lost that should have been kept; null = none is. */
  lost: string | null;
  stepsBefore: number;
  /** The end of the engine's work, where an earlier run came so far. */
  stopped: EngineEnd | null;
};

export async function startOf(lease: Lease, db: Queries): Promise<Start> {
  const first = lease.follows === null ? null : await lastTree(db, lease.follows, lease.followsUntil);
  if (first === "lost")
    throw new RunFailed({
      kind: "checkout-failed",
      detail: "the working tree that this turn goes on with was not saved, or was removed as old ones are: give a new task",
    });
  const point = await resumePoint(db, lease);
  const lost = point.isCutShort ? "the working tree could not be saved after that" : null;
  return { tree: point.tree ?? first, first, keptUntil: point.keptUntil, lost, stepsBefore: point.steps, stopped: point.stopped };
}

/** As `start`, without the work of earlier runs, since it cannot be restored. */
export function anew(start: Start, lost: string): Start {
  return { ...start, tree: start.first, keptUntil: 0, lost, stopped: null };
}

/** Puts on record where a later run goes on; what came after is forgotten. */
export async function tellResumed(lease: Lease, start: Start, log: RunLog): Promise<void> {
  if (lease.run === 1) return;
  await log.append([{ type: "run.resumed", fromStep: start.stepsBefore + 1, keptUntil: start.keptUntil, lost: start.lost }]);
}

/** What the model was told and said, of all turns until this one, the prompt of each before it. */
export async function conversationOf(lease: Lease, db: Queries): Promise<Spoken[]> {
  const exchanges = await readConversation(db, lease.attemptId);
  return exchanges.flatMap(({ prompt, images, messages }) => [
    { role: "user", text: prompt, ...(images.length > 0 && { images }) } as const,
    ...(messages as Spoken[]),
  ]);
}
