import { fetchMirror } from "../forge/git/mirror.ts";
import { folderOf } from "../forge/git/repository.ts";
import { resolveRef } from "../forge/git/resolve-ref.ts";
import type { NetworkRule, NetworkWatch, Sandbox, SandboxSpec } from "../sandbox/sandbox.ts";
import { noteRecipe, type RunEnvironment } from "../store/environments.ts";
import type { Lease } from "../store/leases.ts";
import { accessTo } from "./access.ts";
import { makeTree } from "./checkout.ts";
import { holdLayers } from "./layers.ts";
import { ruleOf } from "./network-log.ts";
import type { WorkerParts } from "./parts.ts";
import { recipeFor } from "./recipe.ts";
import { patient, type RunLog } from "./run-log.ts";
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
  /** By what the run works: the environment, once the repository had its say. */
  environment: RunEnvironment;
  network: NetworkRule;
}

/**
 * Makes the place where a run works: mirror fetched and commit found; what setup leaves, or a plain checkout, to stand on; always a new sandbox on
 * it, so that no process, variable or secret of setup is there, and with this network, whatever setup had.
 */
export async function prepare(
  lease: Lease,
  given: RunEnvironment,
  parts: WorkerParts,
  log: RunLog,
  watch: NetworkWatch,
  signal: AbortSignal,
): Promise<Place> {
  const { config, sandboxes, keyring } = parts;
  const access = accessTo(given, keyring);
  const folder = `/workspace/${folderOf(access.repository)}`;
  await using place = new AsyncDisposableStack();
  const hold = place.use(holdLayers());

  const { making, base, tree, environment } = await log.phase(
    "checkout",
    config.checkoutLimitMs,
    async (limit, progress) => {
      const mirror = await fetchMirror({ home: config.home, repositoryId: given.repositoryId, access, onProgress: progress }, limit);
      const { branch } = given.spec;
      const base = await resolveRef(mirror, access, lease.ref ?? branch, limit);
      await log.append([{ type: "base.resolved", commit: base.commit, ref: base.ref }]);
      const isOwnBranch = lease.ref === null || lease.ref === branch || (branch === null && base.isDefaultBranch);
      const { commit } = base;
      const ownCommit = async () => (isOwnBranch ? commit : (await resolveRef(mirror, access, branch, limit)).commit);
      const { recipe, foundBy } = await recipeFor(given, { mirror, folder, commit, ownCommit }, limit);
      await log.append([{ type: "recipe.resolved", recipe }]);
      if (isOwnBranch) await noteRecipe(patient(parts.db, limit), given.id, recipe);
      const { setup, maintenance, variables, toolchains, checks, setupNetwork, network } = recipe;
      const spec = { ...given.spec, setup, maintenance, variables, toolchains, checks, setupNetwork, network };
      const environment = { ...given, spec };
      const sandboxSpec: SandboxSpec = {
        run: `${lease.attemptId}.${lease.run}`,
        layers: [],
        owner: given.owner,
        limits: spec.limits,
        variables,
      };
      const making: Making = {
        parts,
        environment,
        taskId: lease.taskId,
        mirror,
        folder,
        commit,
        isOwnBranch,
        foundBy,
        spec: sandboxSpec,
        hold,
      };
      const hasSetup = setup.trim() !== "" || Object.keys(toolchains).length > 0;
      return { making, base, environment, tree: hasSetup ? null : await treeFor(making, limit, progress) };
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

  const network = ruleOf(environment.spec.network);
  const sandbox = await log.phase(
    "sandbox",
    SANDBOX_LIMIT_MS,
    async (limit, progress) => {
      const made = await sandboxes.create(
        { ...making.spec, variables: { ...making.spec.variables, ...ground.variables }, layers: ground.ids, network, watch },
        limit,
      );
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
  return { sandbox, folder, base: base.commit, environment, network, [Symbol.asyncDispose]: () => all.disposeAsync() };
}
