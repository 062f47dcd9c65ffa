import { fetchMirror } from "../forge/git/mirror.ts";
import { folderOf } from "../forge/git/repository.ts";
import { resolveRef } from "../forge/git/resolve-ref.ts";
import type { NetworkRule, NetworkWatch, Sandbox, SandboxSpec } from "../sandbox/sandbox.ts";
import type { RunEnvironment } from "../store/environments.ts";
import type { Lease } from "../store/leases.ts";
import { accessTo } from "./access.ts";
import { makeTree } from "./checkout.ts";
import { holdLayers } from "./layers.ts";
import type { WorkerParts } from "./parts.ts";
import type { RunLog } from "./run-log.ts";
import { snapshotFor } from "./snapshot.ts";
import { type Making, treeFor } from "./tree.ts";

const SANDBOX_LIMIT_MS = 5 * 60_000;
const MINUTE_MS = 60_000;

/** A sandbox with the repository's working tree at the base commit, ready for the agent. Disposal destroys the sandbox. */
export interface Place extends AsyncDisposable {
  sandbox: Sandbox;
  /** Absolute path of the working tree in the sandbox. */
  folder: string;
  base: string;
}

/**
 * Makes the place where a run works: mirror fetched and commit found; what setup leaves, or a plain checkout, to stand on; always a new sandbox on
 * it, so that no process, variable or secret of setup is there, and with this network, whatever setup had.
 */
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
    variables: environment.spec.variables,
  };
  const hasSetup = environment.spec.setup.trim() !== "";
  await using place = new AsyncDisposableStack();
  const hold = place.use(holdLayers());

  const { making, base, tree } = await log.phase(
    "checkout",
    config.checkoutLimitMs,
    async (limit, progress) => {
      const mirror = await fetchMirror({ home: config.home, repositoryId: environment.repositoryId, access, onProgress: progress }, limit);
      const base = await resolveRef(mirror, access, lease.ref ?? environment.spec.branch, limit);
      await log.append([{ type: "base.resolved", commit: base.commit, ref: base.ref }]);
      const { branch } = environment.spec;
      const isOwnBranch = lease.ref === null || lease.ref === branch || (branch === null && base.isDefaultBranch);
      const making: Making = { parts, environment, taskId: lease.taskId, mirror, folder, commit: base.commit, isOwnBranch, spec, hold };
      return { making, base, tree: hasSetup ? null : await treeFor(making, limit, progress) };
    },
    ({ base }) => `${base.ref} at ${base.commit.slice(0, 10)}`,
  );

  const setupMs = environment.spec.setupMinutes * MINUTE_MS;
  const { base: ground } = tree
    ? { base: tree }
    : await log.phase(
        "setup",
        config.checkoutLimitMs + SANDBOX_LIMIT_MS + 2 * setupMs, // it may wait for another task's and then have to run its own
        (limit, progress) => snapshotFor(making, log, limit, progress),
        ({ note }) => note,
      );

  const sandbox = await log.phase(
    "sandbox",
    SANDBOX_LIMIT_MS,
    async (limit, progress) => {
      const made = await sandboxes.create({ ...spec, layers: ground.ids, network: network.rule, watch: network.watch }, limit);
      try {
        const wish = { commit: base.commit, folder, layerCommit: ground.commit, author: lease.author, onProgress: progress };
        await makeTree(made, making.mirror, wish, limit);
        return made;
      } catch (error) {
        await made[Symbol.asyncDispose]();
        throw error;
      }
    },
    () => sandboxes.name,
  );
  place.use(sandbox);
  signal.throwIfAborted();
  const all = place.move();
  return { sandbox, folder, base: base.commit, [Symbol.asyncDispose]: () => all.disposeAsync() };
}
