import type { NetworkRule, NetworkWatch, Sandbox } from "../sandbox/sandbox.ts";
import type { RunEnvironment } from "../store/environments.ts";
import type { Lease } from "../store/leases.ts";
import type { Checkpoints } from "./checkpoint.ts";
import { groundFor, type SetupFailed } from "./ground.ts";
import { holdLayers } from "./layers.ts";
import { ruleOf } from "./network-log.ts";
import type { WorkerParts } from "./parts.ts";
import type { RepositoryFacts } from "./repository-facts.ts";
import { type Start, tellResumed } from "./resume.ts";
import type { RunLog } from "./run-log.ts";
import { type Ground, standOn, takeUp, termsOf } from "./stand.ts";

const SANDBOX_LIMIT_MS = 5 * 60_000;

/** A sandbox with the repository's working tree, ready for the agent. Disposal destroys the sandbox. */
export interface Place extends AsyncDisposable {
  sandbox: Sandbox;
  /** Absolute path of the working tree in the sandbox. */
  folder: string;
  base: string;
  /** What the working tree was made, and from where the conversation goes on. */
  start: Start;
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
 * Makes the place where a run works: a new sandbox on its ground, unless that of the turn before was kept. It is never one that setup ran in, so that no
 * process, variable or secret of setup is there, and has this network, whatever setup had. Then the working tree is made what `start` says; what cannot be
 * restored is begun anew, which is put on record.
 */
export async function prepare(
  lease: Lease,
  start: Start,
  given: RunEnvironment,
  parts: WorkerParts,
  log: RunLog,
  watch: NetworkWatch,
  signal: AbortSignal,
): Promise<Place> {
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
