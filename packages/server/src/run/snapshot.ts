import type { FailureReason } from "@farhand/protocol";
import { crashAt } from "../crash.ts";
import { toolchainScript, wantedInWords } from "../domain/recipe/toolchains.ts";
import { familyOf, missInWords, partHashes } from "../domain/snapshot.ts";
import { lowestStack, newestParts, noteMiss, type Shelf, useStack } from "../store/layer-stacks.ts";
import { makeTree, settleTree } from "./checkout.ts";
import { imageIdentity } from "./image-identity.ts";
import { type Base, findBase, onDisk, sealOn } from "./layers.ts";
import { networkLog, ruleOf } from "./network-log.ts";
import { oneAtATime } from "./one-at-a-time.ts";
import { patient, RunFailed, type RunLog } from "./run-log.ts";
import { runSetupScript, type SetupScript } from "./setup-script.ts";
import { storedOutput } from "./stored-output.ts";
import { bringForward, MAX_DEPTH, type Making, treeFor } from "./tree.ts";

/** Raised when what a snapshot contains is made in another way. */
const SNAPSHOT_FORMAT = 1;
const MINUTE_MS = 60_000;

export type Prepared = { base: Base; note: string };

/** The last failure of each setup, by environment (and task): who waited for that very setup fails with it, instead of failing anew one after another. */
const failures = new Map<string, { family: string; commit: string; at: number; reason: FailureReason }>();

/**
 * What setup leaves, to stand on: kept from before, or made now in a sandbox of its own, which is sealed. Tasks at once wait for one. What is
 * made at a commit of the environment's own branch serves all its tasks; at any other, its own task only. With `anew` setup runs whatever is kept; with `orFailedBefore` it is not tried again where this worker saw that very setup fail.
 */
export async function snapshotFor(
  making: Making,
  log: RunLog,
  signal: AbortSignal,
  progress: (text: string) => void,
  { anew = false, orFailedBefore = false }: { anew?: boolean; orFailedBefore?: boolean } = {},
): Promise<Prepared> {
  const { parts, environment, taskId, commit, isOwnBranch, hold } = making;
  const db = patient(parts.db, signal);
  const hashes = partHashes(await partsOf(making));
  const shelf: Shelf = { worker: parts.config.workerName, environmentId: environment.id, kind: "setup", family: familyOf(hashes) };
  const cameAt = performance.now();

  const found = anew ? null : await find();
  if (found) return found;
  const place = isOwnBranch ? environment.id : `${environment.id} ${taskId}`;
  const setUp = async () => {
    if (anew) return make("it was tested");
    const meanwhile = await find();
    if (meanwhile) return meanwhile;
    const failed = failures.get(place);
    if (failed && failed.family === shelf.family && failed.commit === commit && (orFailedBefore || failed.at > cameAt))
      throw new RunFailed(failed.reason);
    const near = await findBase(parts, shelf, environment.owner, { commit, taskId, orNear: true }, hold, signal);
    return near ? takeForward(near) : make(missInWords(await newestParts(db, shelf.worker, environment.id), hashes));
  };
  return oneAtATime(`setup ${place}`, signal, setUp, () => progress("waiting for the setup of another task"));

  /** One that needs nothing more; null = there is work to do, one at a time. */
  async function find(): Promise<Prepared | null> {
    const orNear = !isOwnBranch && environment.spec.maintenance === "";
    const base = await findBase(parts, shelf, environment.owner, { commit, taskId, orNear }, hold, signal);
    if (!base) return null;
    await useStack(db, base.id, true);
    return { base, note: base.commit === commit ? "cached" : `cached, of ${base.commit.slice(0, 10)}` };
  }

  async function takeForward(near: Base): Promise<Prepared> {
    await useStack(db, near.id, true);
    const from = near.commit.slice(0, 10);
    if (environment.spec.maintenance !== "") {
      progress("running maintenance");
      const base = await runOn(near, "maintenance", taskId);
      return { base, note: `cached, of ${from}; maintenance run` };
    }
    const below = near.layers.length < MAX_DEPTH ? near : ((await lowest()) ?? near);
    return { base: await bringForward(making, shelf, below, signal, progress, hashes), note: `cached, of ${from}` };
  }

  async function lowest(): Promise<Base | null> {
    const stack = await lowestStack(db, shelf);
    return stack && onDisk(parts.sandboxes, stack, environment.owner, hold);
  }

  async function make(miss: string): Promise<Prepared> {
    const why = isOwnBranch ? miss : `${miss}, and the task is not at the environment's branch`;
    await noteMiss(db, environment.id, why);
    const tree = await treeFor(making, signal, progress);
    progress("running setup");
    try {
      const base = await runOn(tree, "setup", isOwnBranch ? null : taskId);
      return { base, note: `setup run: ${miss}` };
    } catch (error) {
      if (error instanceof RunFailed && error.reason.kind === "setup-failed") {
        failures.set(place, { family: shelf.family, commit, at: performance.now(), reason: error.reason });
        await noteMiss(db, environment.id, `${why}; it failed: ${error.reason.how}`);
      }
      throw error;
    }
  }

  async function runOn(below: Base, name: "setup" | "maintenance", owner: string | null): Promise<Base> {
    const { mirror, folder, spec } = making;
    await using network = networkLog(log, "setup"); // ends after the sandbox, whose last requests it stores
    const door = { network: ruleOf(environment.spec.setupNetwork), watch: network };
    await using sandbox = await parts.sandboxes.create({ ...spec, ...door, layers: below.ids }, signal);
    await makeTree(sandbox, mirror, { commit, folder, layerCommit: below.commit, onProgress: progress }, signal);
    const secrets = environment.secrets.map((one) => ({ name: one.name, value: parts.keyring.open(one.sealed) }));
    let variables = below.variables;
    const run = async (script: Pick<SetupScript, "name" | "text" | "shown" | "secrets">) => {
      const sink = storedOutput(db, taskId, parts.config.maxOutputBytes);
      const all = { ...script, folder, variables, limitMs: environment.spec.setupMinutes * MINUTE_MS };
      variables = { ...variables, ...(await runSetupScript(sandbox, all, log, sink, signal)) };
    };
    const { toolchains } = environment.spec;
    if (name === "setup" && Object.keys(toolchains).length > 0)
      await run({ name: "toolchains", text: toolchainScript(toolchains), shown: wantedInWords(toolchains), secrets: [] });
    if (environment.spec[name].trim() !== "") await run({ name, text: environment.spec[name], secrets });
    crashAt("setup: script run");
    await settleTree(sandbox, mirror, { commit, folder, layerCommit: commit }, signal);
    return await sealOn(parts, sandbox, below, shelf, { commit, taskId: owner, variables, parts: hashes }, hold, signal);
  }
}

async function partsOf({ parts, environment, folder, foundBy }: Making): Promise<Parameters<typeof partHashes>[0]> {
  return {
    format: SNAPSHOT_FORMAT,
    image: await imageIdentity(),
    driver: parts.sandboxes.name,
    repository: environment.repositoryId,
    folder,
    script: environment.spec.setup,
    variables: environment.spec.variables,
    secrets: Object.fromEntries(environment.secrets.map(({ name, id }) => [name, id])),
    toolchains: environment.spec.toolchains,
    foundBy,
    network: environment.spec.setupNetwork,
    generation: environment.generation,
  };
}
