import { crashAt } from "../crash.ts";
import type { SavedTree } from "../domain/checkpoint.ts";
import type { Sandbox, SandboxSpec } from "../sandbox/sandbox.ts";
import type { Lease } from "../store/leases.ts";
import { makeTree } from "./checkout.ts";
import { CheckpointBroken, type Checkpoints, openCheckpoints } from "./checkpoint.ts";
import type { Base } from "./layers.ts";
import { anew, type Start } from "./resume.ts";
import { RunFailed } from "./run-log.ts";
import type { Making } from "./tree.ts";

/** What the sandbox of a run is made of. `spec` without its layers. */
export type Ground = { lease: Lease; making: Making; ground: Base; spec: SandboxSpec };

/** A sandbox with the working tree that its run begins with. `begun`: the start that it came to. Disposal of `made` ends all. */
export type Standing = { sandbox: Sandbox; checkpoints: Checkpoints; begun: Start; made: AsyncDisposableStack };

/** Makes the working tree what `start` says. Where that cannot be restored, what the attempt began with, in another new sandbox. */
export async function standOn(on: Ground, start: Start, signal: AbortSignal, progress: (text: string) => void): Promise<Standing> {
  try {
    return { ...(await standWith(start.tree, on, signal, progress)), begun: start };
  } catch (error) {
    if (!(error instanceof CheckpointBroken)) throw error;
    if (start.tree === start.first) throw new RunFailed({ kind: "checkout-failed", detail: error.message }, { cause: error });
    return { ...(await standWith(start.first, on, signal, progress)), begun: anew(start, error.message) };
  }
}

async function standWith(
  tree: SavedTree | null,
  { lease, making, ground, spec }: Ground,
  signal: AbortSignal,
  onProgress: (text: string) => void,
): Promise<Omit<Standing, "begun">> {
  const { parts, taskId, mirror, commit: base, folder } = making;
  await using made = new AsyncDisposableStack();
  const sandbox = made.use(await parts.sandboxes.create({ ...spec, layers: ground.ids }, signal));
  crashAt("sandbox: created");
  const place = await makeTree(
    sandbox,
    mirror,
    { commit: base, folder, layerCommit: ground.commit, author: lease.author, onProgress },
    signal,
  );
  crashAt("sandbox: tree made");
  const { db, config, log } = parts;
  const maxBytes = config.maxCheckpointBytes;
  const checkpoints = made.use(await openCheckpoints({ db, home: config.home, taskId, mirror, sandbox, tree: place, base, maxBytes, log }));
  if (tree) {
    await checkpoints.restore(tree, signal);
    crashAt("sandbox: checkpoint restored");
  }
  return { sandbox, checkpoints, made: made.move() };
}
