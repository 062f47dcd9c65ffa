import type { EnvironmentSpec, FailureReason, RunRecipe } from "@farhand/protocol";
import { crashAt } from "../crash.ts";
import { fetchMirror } from "../forge/git/mirror.ts";
import { folderOf } from "../forge/git/repository.ts";
import { isReachedFrom, type Resolved, resolveRef } from "../forge/git/resolve-ref.ts";
import type { NetworkRule, NetworkWatch, Sandbox, SandboxSpec } from "../sandbox/sandbox.ts";
import { noteRecipe, type RunEnvironment } from "../store/environments.ts";
import { type Lease, settleBase } from "../store/leases.ts";
import { accessTo } from "./access.ts";
import type { Checkpoints } from "./checkpoint.ts";
import { type Base, type Hold, holdLayers } from "./layers.ts";
import { ruleOf } from "./network-log.ts";
import type { WorkerParts } from "./parts.ts";
import { recipeFor, withRecipe } from "./recipe.ts";
import { type RepositoryFacts, repositoryFacts } from "./repository-facts.ts";
import { type Start, tellResumed } from "./resume.ts";
import { patient, RunFailed, type RunLog } from "./run-log.ts";
import { type Prepared, snapshotFor } from "./snapshot.ts";
import { type Ground, standOn, takeUp, termsOf } from "./stand.ts";
import { type Making, treeFor } from "./tree.ts";

const SANDBOX_LIMIT_MS = 5 * 60_000;
const MINUTE_MS = 60_000;

type SetupFailed = Extract<FailureReason, { kind: "setup-failed" }>;

/** A sandbox with the repository's working tree, ready for the agent. Disposal destroys the sandbox. */
export interface Place extends AsyncDisposable {
  sandbox: Sandbox;
  /** Absolute path of the working tree in the sandbox. */
  folder: string;
  base: string;
  /** By what the run works: the environment, once the repository had its say. */
  environment: RunEnvironment;
  network: NetworkRule;
  checkpoints: Checkpoints;
  repository: RepositoryFacts;
  /** Why nothing of setup is there; null = it did not fail. */
  setupFailed: SetupFailed | null;
  /** Whether all is as the turn before, or the question before, left it. */
  isWarm: boolean;
  /** From now on disposal does not destroy the sandbox, but keeps it for what may follow on this attempt. */
  keep(): void;
}

/**
 * What a sandbox is to stand on: mirror fetched and commit found, the repository asked for its say, and what setup leaves, or a plain checkout. With
 * `anew` setup runs whatever is kept.
 */
export async function groundFor(
  lease: Lease,
  given: RunEnvironment,
  parts: WorkerParts,
  log: RunLog,
  hold: Hold,
  options: { anew?: boolean } = {},
): Promise<{ making: Making; base: Resolved; facts: RepositoryFacts; ground: Base; setupFailed: SetupFailed | null }> {
  const { config, keyring } = parts;
  const access = accessTo(given, keyring);
  const folder = `/workspace/${folderOf(access.repository)}`;
  const { making, base, facts, tree, recipe } = await log.phase(
    "checkout",
    config.checkoutLimitMs,
    async (limit, progress) => {
      const mirror = await fetchMirror({ home: config.home, repositoryId: given.repositoryId, access, onProgress: progress }, limit);
      crashAt("checkout: mirror fetched");
      const { branch } = given.spec;
      const own = await resolveRef(mirror, access, branch, limit);
      const wanted = lease.base ?? lease.ref;
      const resolved = wanted === null ? own : await resolveRef(mirror, access, wanted, limit);
      const settled = lease.base ?? (await settleBase(patient(parts.db, limit), lease.taskId, resolved.commit));
      const known = settled === resolved.commit ? resolved : await resolveRef(mirror, access, settled, limit); // another attempt came first
      const base = { ...known, ref: lease.base === null ? resolved.ref : (lease.ref ?? branch ?? known.ref) };
      await log.append([{ type: "base.resolved", commit: base.commit, ref: base.ref }]);
      const { commit } = base;
      // a task may stand on what that branch no longer has, or never had: the environment may have another branch by now
      const isOwnBranch = [null, branch, own.ref].includes(lease.ref) && (await isReachedFrom(mirror, own.commit, commit, limit));
      const trusted = isOwnBranch ? commit : own.commit;
      const { recipe, foundBy } = await recipeFor(given, { mirror, folder, commit, trusted }, limit);
      await log.append([{ type: "recipe.resolved", recipe }]);
      if (isOwnBranch && lease.base === null) await noteRecipe(patient(parts.db, limit), given.id, recipe);
      const environment = { ...given, spec: withRecipe(given.spec, recipe) };
      const { limits, variables } = environment.spec;
      const spec: SandboxSpec = { run: `${lease.attemptId}.${lease.run}`, layers: [], owner: given.owner, limits, variables };
      const making: Making = { parts, environment, taskId: lease.taskId, mirror, folder, commit, isOwnBranch, foundBy, spec, hold };
      const facts = await repositoryFacts(mirror, { base: commit, trusted }, limit);
      return { making, base, facts, recipe, tree: hasSetup(environment.spec) ? null : await treeFor(making, limit, progress) };
    },
    ({ base }) => (base.ref === base.commit ? base.commit.slice(0, 10) : `${base.ref} at ${base.commit.slice(0, 10)}`),
  );

  if (tree) return { making, base, facts, ground: tree, setupFailed: null };
  const setupMs = making.environment.spec.setupMinutes * MINUTE_MS;
  const { base: ground, failed } = await log.phase(
    "setup",
    config.checkoutLimitMs + SANDBOX_LIMIT_MS + 2 * setupMs, // it may wait for another task's and then have to run its own
    (limit, progress) => setUp(lease, recipe, making, log, limit, progress, options),
    ({ note }) => note,
  );
  return { making, base, facts, ground, setupFailed: failed };
}

/** What setup leaves; where it fails and the work can go on without it, a plain checkout. A later turn does not wait for the same failure again. */
async function setUp(
  lease: Lease,
  recipe: RunRecipe,
  making: Making,
  log: RunLog,
  signal: AbortSignal,
  progress: (text: string) => void,
  options: { anew?: boolean },
): Promise<Prepared & { failed: SetupFailed | null }> {
  const goesOn = (script: SetupFailed["script"]) =>
    lease.kind === "work" && (lease.mode === "ask" || (recipe.scripts === "automatic" && script !== "toolchains"));
  const orFailedBefore = lease.follows !== null && goesOn("setup");
  try {
    return { ...(await snapshotFor(making, log, signal, progress, { ...options, orFailedBefore })), failed: null };
  } catch (error) {
    const failed = error instanceof RunFailed && error.reason.kind === "setup-failed" ? error.reason : null;
    if (failed === null || !goesOn(failed.script)) throw error;
    return { base: await treeFor(making, signal, progress), note: `failed (${failed.how}): goes on without it`, failed };
  }
}

/** Whether anything runs before the agent does. */
export function hasSetup({ setup, toolchains }: Pick<EnvironmentSpec, "setup" | "toolchains">): boolean {
  return setup.trim() !== "" || Object.keys(toolchains).length > 0;
}

/**
 * Makes the place where a run works: mirror fetched and commit found; what setup leaves, or a plain checkout, to stand on; a new sandbox on
 * it, unless that of the turn before was kept, and never one that setup ran in, so that no process, variable or secret of setup is there, and with this network, whatever setup had. Then the working tree is made what
 * `start` says; what cannot be restored is begun anew, which is put on record. The start that it came to stands in the result.
 */
export async function prepare(
  lease: Lease,
  start: Start,
  given: RunEnvironment,
  parts: WorkerParts,
  log: RunLog,
  watch: NetworkWatch,
  signal: AbortSignal,
): Promise<Place & { start: Start }> {
  await using place = new AsyncDisposableStack();
  const hold = place.use(holdLayers());
  const { making, base, facts, ground, setupFailed } = await groundFor(lease, given, parts, log, hold);
  const { environment, folder } = making;
  const network = ruleOf(environment.spec.network);
  const variables = { ...making.spec.variables, ...ground.variables };
  const on: Ground = { lease, making, ground, spec: { ...making.spec, variables, network, watch } };
  const { sandbox, checkpoints, made, begun, isWarm } = await log.phase(
    "sandbox",
    SANDBOX_LIMIT_MS,
    async (limit, progress) => (await takeUp(on, start, limit)) ?? (await standOn(on, start, limit, progress)),
    ({ isWarm }) => (isWarm ? `${parts.sandboxes.name}, kept since before` : parts.sandboxes.name),
  );
  place.use(made);
  await tellResumed(lease, begun, log);
  signal.throwIfAborted();
  const all = place.move();
  let isKept = false;
  return {
    sandbox,
    folder,
    base: base.commit,
    environment,
    network,
    checkpoints,
    repository: facts,
    setupFailed,
    start: begun,
    isWarm,
    keep() {
      isKept = true;
    },
    async [Symbol.asyncDispose]() {
      if (!isKept) return all.disposeAsync();
      await parts.kept.keep({ taskId: lease.taskId, attemptId: lease.attemptId, terms: termsOf(on), sandbox, checkpoints, made: all });
    },
  };
}
