import { createHash } from "node:crypto";
import type { Mirror } from "../forge/git/mirror.ts";
import type { SandboxSpec } from "../sandbox/sandbox.ts";
import type { RunEnvironment } from "../store/environments.ts";
import { type Shelf, useStack } from "../store/layer-stacks.ts";
import { makeTree } from "./checkout.ts";
import { type Base, findBase, type Hold, sealOn } from "./layers.ts";
import { oneAtATime } from "./one-at-a-time.ts";
import type { WorkerParts } from "./parts.ts";
import { patient } from "./run-log.ts";

/** Raised when what a tree layer contains is made in another way. */
const TREE_FORMAT = 2;
/** So many layers may lie on one another before a whole new checkout is made: each costs a little at every opening of a file. */
export const MAX_DEPTH = 8;

/** What preparing works on; the same for all steps of a run. */
export type Making = {
  parts: WorkerParts;
  environment: RunEnvironment;
  taskId: string;
  mirror: Mirror;
  folder: string;
  commit: string;
  /** The commit was reached by the environment's own branch: what is made of it may serve other tasks. */
  isOwnBranch: boolean;
  /** What setup was found by, where it is automatic. */
  foundBy: Readonly<Record<string, string>>;
  spec: SandboxSpec;
  hold: Hold;
};

/**
 * A checkout to stand on: of this very commit, or of another one where the commit is not of the environment's own branch (what differs is then brought
 * into the sandbox). Where that branch has moved, a layer with the difference is stacked on the newest checkout. A checkout runs nothing of
 * the repository, so one made at a stranger's commit harms nobody.
 */
export async function treeFor(making: Making, signal: AbortSignal, progress: (text: string) => void): Promise<Base> {
  const { parts, environment, taskId, commit } = making;
  const shelf = treeShelf(making);
  return oneAtATime(`tree ${environment.id}`, signal, async () => {
    const near = await findBase(parts, shelf, environment.owner, { commit, taskId, orNear: true }, making.hold, signal);
    if (near) await useStack(patient(parts.db, signal), near.id, false);
    if (near && (near.commit === commit || !making.isOwnBranch)) return near;
    if (near && near.layers.length < MAX_DEPTH) return bringForward(making, shelf, near, signal, progress);
    progress(near ? "making a whole new checkout" : "making the first checkout of this environment");
    return bringForward(making, shelf, null, signal, progress);
  });
}

/** A new stack at the commit: what differs from `near` as one more layer on it; null = a checkout of its own. */
export async function bringForward(
  making: Making,
  shelf: Shelf,
  near: Base | null,
  signal: AbortSignal,
  progress: (text: string) => void,
  hashes: Parameters<typeof sealOn>[4]["parts"] = null,
): Promise<Base> {
  const { parts, mirror, folder, commit, spec, hold } = making;
  await using sandbox = await parts.sandboxes.create({ ...spec, layers: near?.ids ?? [], variables: {} }, signal);
  await makeTree(sandbox, mirror, { commit, folder, layerCommit: near?.commit ?? null, onProgress: progress }, signal);
  return await sealOn(parts, sandbox, near, shelf, { commit, taskId: null, variables: near?.variables ?? {}, parts: hashes }, hold, signal);
}

function treeShelf({ parts, environment, folder }: Making): Shelf {
  const what = ["tree", TREE_FORMAT, parts.sandboxes.name, environment.repositoryId, folder, environment.generation];
  const family = createHash("sha256").update(JSON.stringify(what)).digest("hex");
  return { worker: parts.config.workerName, environmentId: environment.id, kind: "tree", family };
}
