import type { EnvironmentSpec, FailureReason, RunRecipe } from "@farhand/protocol";
import { crashAt } from "../crash.ts";
import { UserError } from "../domain/user-error.ts";
import { fetchMirror, type Mirror } from "../forge/git/mirror.ts";
import { folderOf } from "../forge/git/repository.ts";
import { isReachedFrom, type Resolved, resolveRef } from "../forge/git/resolve-ref.ts";
import type { Access } from "../forge/git/transport.ts";
import type { SandboxSpec } from "../sandbox/sandbox.ts";
import { noteRecipe, type RunEnvironment } from "../store/environments.ts";
import { type Lease, settleBase } from "../store/leases.ts";
import { accessTo } from "./access.ts";
import type { Base, Hold } from "./layers.ts";
import type { WorkerParts } from "./parts.ts";
import { recipeFor, withRecipe } from "./recipe.ts";
import { type RepositoryFacts, repositoryFacts } from "./repository-facts.ts";
import { patient, RunFailed, type RunLog } from "./run-log.ts";
import { type Prepared, snapshotFor } from "./snapshot.ts";
import { type Making, treeFor } from "./tree.ts";

const MINUTE_MS = 60_000;
/** What making a sandbox may take beside the scripts. */
const MAKING_LIMIT_MS = 5 * MINUTE_MS;

export type SetupFailed = Extract<FailureReason, { kind: "setup-failed" }>;

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
  const { making, base, facts, tree, recipe } = await log.phase(
    "checkout",
    parts.config.checkoutLimitMs,
    (limit, progress) => checkOut(lease, given, parts, log, hold, limit, progress),
    ({ base }) => (base.ref === base.commit ? base.commit.slice(0, 10) : `${base.ref} at ${base.commit.slice(0, 10)}`),
  );
  if (tree) return { making, base, facts, ground: tree, setupFailed: null };
  const setupMs = making.environment.spec.setupMinutes * MINUTE_MS;
  const { base: ground, failed } = await log.phase(
    "setup",
    parts.config.checkoutLimitMs + MAKING_LIMIT_MS + 2 * setupMs, // it may wait for another task's and then have to run its own
    (limit, progress) => setUp(lease, recipe, making, log, limit, progress, options),
    ({ note }) => note,
  );
  return { making, base, facts, ground, setupFailed: failed };
}

/** Fetches the mirror, settles on the task's commit, and asks the repository there for its say. With no setup to come, also a plain checkout. */
async function checkOut(
  lease: Lease,
  given: RunEnvironment,
  parts: WorkerParts,
  log: RunLog,
  hold: Hold,
  signal: AbortSignal,
  progress: (text: string) => void,
) {
  const { config, keyring } = parts;
  const access = accessTo(given, keyring);
  const folder = `/workspace/${folderOf(access.repository)}`;
  const mirror = await fetchMirror({ home: config.home, repositoryId: given.repositoryId, access, onProgress: progress }, signal);
  crashAt("checkout: mirror fetched");
  const { base, trusted } = await baseOf(lease, given, { mirror, access, parts }, signal);
  await log.append([{ type: "base.resolved", commit: base.commit, ref: base.ref }]);
  const { commit } = base;
  const isOwnBranch = trusted === commit;
  const { recipe, foundBy } = await recipeFor(given, { mirror, folder, commit, trusted }, signal);
  await log.append([{ type: "recipe.resolved", recipe }]);
  if (isOwnBranch && lease.base === null) await noteRecipe(patient(parts.db, signal), given.id, recipe);
  const environment = { ...given, spec: withRecipe(given.spec, recipe) };
  const { limits, variables } = environment.spec;
  const spec: SandboxSpec = { run: `${lease.attemptId}.${lease.run}`, layers: [], owner: given.owner, limits, variables };
  const making: Making = { parts, environment, taskId: lease.taskId, mirror, folder, commit, isOwnBranch, foundBy, spec, hold };
  const facts = await repositoryFacts(mirror, { base: commit, trusted }, signal);
  return { making, base, facts, recipe, tree: hasSetup(environment.spec) ? null : await treeFor(making, signal, progress) };
}

/**
 * The one commit that all runs of a task stand on: the first that resolves it decides. `trusted`: that commit, if the environment's own branch has it, else
 * the newest of that branch; where work goes on after that branch was removed, of the default branch.
 */
async function baseOf(
  lease: Lease,
  { spec: { branch } }: RunEnvironment,
  { mirror, access, parts }: { mirror: Mirror; access: Access; parts: WorkerParts },
  signal: AbortSignal,
): Promise<{ base: Resolved; trusted: string }> {
  const own = await resolveRef(mirror, access, branch, signal).catch((error) => {
    if (lease.base === null || !(error instanceof UserError)) throw error;
    return resolveRef(mirror, access, null, signal);
  });
  const wanted = lease.base ?? lease.ref;
  const resolved = wanted === null ? own : await resolveRef(mirror, access, wanted, signal);
  const settled = lease.base ?? (await settleBase(patient(parts.db, signal), lease.taskId, resolved.commit));
  const known = settled === resolved.commit ? resolved : await resolveRef(mirror, access, settled, signal); // another attempt came first
  const base = { ...known, ref: lease.base === null ? resolved.ref : (lease.ref ?? branch ?? known.ref) };
  // a task may stand on what that branch no longer has, or never had: the environment may have another branch by now
  const isOwn = [null, branch, own.ref].includes(lease.ref) && (await isReachedFrom(mirror, own.commit, base.commit, signal));
  return { base, trusted: isOwn ? base.commit : own.commit };
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
