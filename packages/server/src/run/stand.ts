import { crashAt } from "../crash.ts";
import type { SavedTree } from "../domain/checkpoint.ts";
import { UserError } from "../domain/user-error.ts";
import { type Sandbox, SandboxLost, type SandboxSpec, SandboxUnavailable } from "../sandbox/sandbox.ts";
import type { Lease } from "../store/leases.ts";
import { ageIndex, makeTree } from "./checkout.ts";
import { CheckpointBroken, type Checkpoints, openCheckpoints } from "./checkpoint.ts";
import type { Base } from "./layers.ts";
import { anew, type Start } from "./resume.ts";
import { RunFailed } from "./run-log.ts";
import type { Making } from "./tree.ts";

/** What the sandbox of a run is made of. `spec` without its layers. */
export type Ground = { lease: Lease; making: Making; ground: Base; spec: SandboxSpec };

/**
 * A sandbox with the working tree that its run begins with. `begun`: the start that it came to. `isWarm`: it is the one of the turn before, or of before a
 * question. Disposal of `made` ends all.
 */
export type Standing = { sandbox: Sandbox; checkpoints: Checkpoints; begun: Start; isWarm: boolean; made: AsyncDisposableStack };

/** By what a sandbox is made, besides its run, its watch and the layers, which are caches of the same. */
export function termsOf({ making: { parts, environment, folder, commit }, spec }: Omit<Ground, "ground" | "lease">): string {
  const { owner, limits, variables, network } = spec;
  const { id, version, generation } = environment;
  return JSON.stringify([parts.sandboxes.name, id, version, generation, folder, commit, owner, limits, variables, network]);
}

/**
 * The sandbox that was kept of what this run goes on with, where there is one, made by the same terms, whose working tree is exactly what was saved.
 * null = there is none: whatever was in the way, a new one does.
 */
export async function takeUp(on: Ground, start: Start, signal: AbortSignal): Promise<Standing | null> {
  const { lease, making, spec } = on;
  const { parts, mirror, commit, folder } = making;
  const kept = parts.kept.take(lease.run > 1 ? lease.attemptId : (lease.follows ?? lease.attemptId), termsOf(on));
  if (kept === null) return null;
  await using made = new AsyncDisposableStack();
  made.use(kept.made);
  if (lease.run === 1 && lease.followsUntil !== null) return null; // what is outside of the tree would be of later steps
  const { sandbox, checkpoints } = kept;
  try {
    await makeTree(sandbox, mirror, { commit, folder, layerCommit: commit, author: lease.author }, signal);
    const now = await checkpoints.save(signal); // something left running may have gone on changing it
    if (start.lost !== null || "lost" in now || now.tree !== start.tree?.tree) return null;
    await sandbox.watchedBy(spec.watch ?? null);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof SandboxLost || error instanceof UserError) return null;
    throw error;
  }
  return { sandbox, checkpoints, begun: start, isWarm: true, made: made.move() };
}

/** Makes the working tree what `start` says. Where that cannot be restored, what the attempt began with, in another new sandbox. */
export async function standOn(on: Ground, start: Start, signal: AbortSignal, progress: (text: string) => void): Promise<Standing> {
  try {
    return { ...(await standWith(start.tree, on, signal, progress)), begun: start, isWarm: false };
  } catch (error) {
    if (!(error instanceof CheckpointBroken)) throw error;
    if (start.tree === start.first) throw new RunFailed({ kind: "checkout-failed", detail: error.message }, { cause: error });
    return { ...(await standWith(start.first, on, signal, progress)), begun: anew(start, error.message), isWarm: false };
  }
}

async function standWith(
  tree: SavedTree | null,
  { lease, making, ground, spec }: Ground,
  signal: AbortSignal,
  onProgress: (text: string) => void,
): Promise<Pick<Standing, "sandbox" | "checkpoints" | "made">> {
  const { parts, taskId, mirror, commit: base, folder } = making;
  await using made = new AsyncDisposableStack();
  const create = () => parts.sandboxes.create({ ...spec, layers: ground.ids }, signal);
  const sandbox = made.use(
    await create().catch(async (error) => {
      const isShort = error instanceof SandboxUnavailable && (await parts.kept.dropAll()) > 0; // they may have what it lacks, such as disk space
      if (!isShort) throw error;
      return create();
    }),
  );
  crashAt("sandbox: created");
  const place = await makeTree(
    sandbox,
    mirror,
    { commit: base, folder, layerCommit: ground.commit, author: lease.author, onProgress },
    signal,
  );
  await ageIndex(sandbox, place, signal);
  crashAt("sandbox: tree made");
  const { db, config, log } = parts;
  const limits = { maxBytes: config.maxCheckpointBytes, keepBytes: config.keepCheckpointsBytes };
  const checkpoints = made.use(
    await openCheckpoints({ db, home: config.home, taskId, mirror, sandbox, tree: place, base, ...limits, log }),
  );
  if (tree) {
    await checkpoints.restore(tree, signal);
    crashAt("sandbox: checkpoint restored");
  }
  return { sandbox, checkpoints, made: made.move() };
}
