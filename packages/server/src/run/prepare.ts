import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fetchMirror, type Mirror } from "../forge/git/mirror.ts";
import { folderOf } from "../forge/git/repository.ts";
import { type Resolved, resolveRef } from "../forge/git/resolve-ref.ts";
import type { LayerId, NetworkRule, NetworkWatch, Sandbox, SandboxSpec } from "../sandbox/sandbox.ts";
import type { RunEnvironment } from "../store/environments.ts";
import type { Lease } from "../store/leases.ts";
import { accessTo } from "./access.ts";
import { makeTree } from "./checkout.ts";
import { oneAtATime } from "./one-at-a-time.ts";
import type { WorkerParts } from "./parts.ts";
import type { RunLog } from "./run-log.ts";

const SANDBOX_LIMIT_MS = 5 * 60_000;
/** Raised when what a tree layer contains is made in another way. */
const TREE_FORMAT = 1;

/** A sandbox with the repository's working tree at the base commit, ready for the agent. Disposal destroys the sandbox. */
export interface Place extends AsyncDisposable {
  sandbox: Sandbox;
  /** Absolute path of the working tree in the sandbox. */
  folder: string;
  base: string;
}

/** A kept checkout: the layer, and the commit that stands in it. */
type Tree = { layer: LayerId; commit: string };

/** Makes the place where a run works: mirror fetched and commit found, the tree layer made if there is none, a new sandbox on it, with this network. */
export async function prepare(
  lease: Lease,
  environment: RunEnvironment,
  parts: WorkerParts,
  log: RunLog,
  network: { rule: NetworkRule; watch: NetworkWatch },
  signal: AbortSignal,
): Promise<Place> {
  const { config, sandboxes, keyring } = parts;
  const access = accessTo(environment, keyring);
  const folder = `/workspace/${folderOf(access.repository)}`;
  const spec: SandboxSpec = {
    run: `${lease.attemptId}.${lease.run}`,
    layers: [],
    owner: environment.owner,
    limits: environment.spec.limits,
    variables: {},
  };

  const { mirror, base, tree } = await log.phase(
    "checkout",
    config.checkoutLimitMs,
    async (limit, progress) => {
      const mirror = await fetchMirror({ home: config.home, repositoryId: environment.repositoryId, access, onProgress: progress }, limit);
      const base = await resolveRef(mirror, access, lease.ref ?? environment.spec.branch, limit);
      await log.append([{ type: "base.resolved", commit: base.commit, ref: base.ref }]);
      const tree = await treeFor(environment, folder, mirror, base, spec, parts, limit, progress);
      return { mirror, base, tree };
    },
    ({ base }) => `${base.ref} at ${base.commit.slice(0, 10)}`,
  );

  const sandbox = await log.phase(
    "sandbox",
    SANDBOX_LIMIT_MS,
    async (limit, progress) => {
      const made = await sandboxes.create({ ...spec, layers: [tree.layer], network: network.rule, watch: network.watch }, limit);
      try {
        await makeTree(
          made,
          mirror,
          { commit: base.commit, folder, layerCommit: tree.commit, author: lease.author, onProgress: progress },
          limit,
        );
        return made;
      } catch (error) {
        await made[Symbol.asyncDispose]();
        throw error;
      }
    },
    () => sandboxes.name,
  );
  signal.throwIfAborted();
  return { sandbox, folder, base: base.commit, [Symbol.asyncDispose]: () => sandbox[Symbol.asyncDispose]() };
}

/**
 * The layer to stand on: the one of this very commit, else the environment's newest one (what differs is then brought into the sandbox), else a new one.
 * A checkout runs nothing of the repository, so a layer made at a stranger's commit harms nobody.
 */
async function treeFor(
  environment: RunEnvironment,
  folder: string,
  mirror: Mirror,
  base: Resolved,
  spec: SandboxSpec,
  { config, sandboxes }: WorkerParts,
  signal: AbortSignal,
  progress: (text: string) => void,
): Promise<Tree> {
  const keyOf = (commit: string) => JSON.stringify(["tree", TREE_FORMAT, environment.repositoryId, folder, commit]);
  const find = async (commit: string): Promise<Tree | null> => {
    const layer = await sandboxes.layer(keyOf(commit), environment.owner);
    return layer === null ? null : { layer, commit };
  };
  return oneAtATime(`tree ${environment.id}`, signal, async () => {
    const exact = await find(base.commit);
    if (exact) return exact;
    const newest = await newestTree(config.home, environment.id);
    const near = newest === null ? null : await find(newest);
    if (near) return near;
    progress("making the first checkout of this environment");
    await using sandbox = await sandboxes.create(spec, signal);
    await makeTree(sandbox, mirror, { commit: base.commit, folder, layerCommit: null, onProgress: progress }, signal);
    const layer = await sandboxes.seal(sandbox, keyOf(base.commit));
    await noteTree(config.home, environment.id, base.commit);
    return { layer, commit: base.commit };
  });
}

const noteOf = (home: string, environmentId: string) => join(home, "trees", environmentId);

async function newestTree(home: string, environmentId: string): Promise<string | null> {
  return readFile(noteOf(home, environmentId), "utf8").catch(() => null);
}

async function noteTree(home: string, environmentId: string, commit: string): Promise<void> {
  const file = noteOf(home, environmentId);
  await mkdir(join(home, "trees"), { recursive: true, mode: 0o700 });
  await writeFile(`${file}.new`, commit);
  await rename(`${file}.new`, file);
}
