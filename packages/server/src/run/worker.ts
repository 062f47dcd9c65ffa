import { setTimeout as sleep } from "node:timers/promises";
import { crashAt } from "../crash.ts";
import { removeCommitStores } from "../forge/git/commit.ts";
import { removeTreeStores } from "../forge/git/tree-store.ts";
import { isConnectionFault, sql } from "../store/db.ts";
import { claim, giveBackRuns, renew } from "../store/leases.ts";
import { answerTrial, hasTrial } from "../store/model-trials.ts";
import { answerProbe, hasProbe } from "../store/probes.ts";
import { claimPublication, giveBackPublications, renewPublication } from "../store/publications.ts";
import { workerGone, workerSeen } from "../store/workers.ts";
import { keptSandboxes } from "./kept-sandboxes.ts";
import type { StartParts, WorkerParts } from "./parts.ts";
import { lookAt } from "./probe.ts";
import { publish } from "./publish.ts";
import { runAttempt } from "./run-attempt.ts";
import { dropUnknownLayers, trimLayers } from "./trim-layers.ts";
import { underLease } from "./under-lease.ts";
import { waker } from "./waker.ts";

const POLL_MS = 2000;
const SEEN_MS = 10_000;
/** Who sees that this worker is there wants to see its models, too; but a server that does not answer holds up nobody for longer. */
const MODELS_MS = 3000;
/** Publications and looks at repositories, each. */
const ERRANDS_AT_ONCE = 4;

/**
 * Claims attempts, publications and questions about repositories, and drives them, until the signal; then cuts off what runs, so that it is queued again, and resolves.
 * Attempts are not claimed while the sandbox driver misses something, or has no room on the disk; for that, what is only kept goes.
 */
export async function work(given: StartParts, signal: AbortSignal): Promise<void> {
  const { db, config, sandboxes, log } = given;
  const { workerName, leaseMs, maxRunsPerWorker } = config;
  /** The attempts that this worker drives at the moment. */
  const driven = new Set<string>();
  // Who brings a sandbox is about to leave its place. What is kept never takes a place from what runs.
  await using kept = keptSandboxes(config.keepSandboxMs, () => maxRunsPerWorker - driven.size + 1, log);
  const parts: WorkerParts = { ...given, kept };
  await giveBackRuns(db, workerName);
  await giveBackPublications(db, workerName);
  crashAt("worker: given back");
  await sandboxes.sweep(await runsOfOthers(parts));
  await removeTreeStores(config.home);
  await removeCommitStores(config.home);
  await dropUnknownLayers(parts);

  const turn = waker();
  const cancels = new EventTarget();
  await db.listen("farhand_queue", turn.wake, signal);
  const cancelled = (task: string | null) => {
    cancels.dispatchEvent(new Event(task ?? "any"));
    void kept.dropAll(task ?? undefined);
  };
  await db.listen("farhand_cancel", cancelled, signal);
  signal.addEventListener("abort", turn.wake);

  const running = new Map<string, Set<Promise<void>>>();
  const report = reporter(parts, () => {
    void kept.dropAll();
    trim();
  });
  let telling: Promise<unknown> | null = null;
  tellModels();
  await Promise.race([telling, sleep(MODELS_MS, undefined, { ref: false })]);
  while (!signal.aborted) {
    try {
      const ready = await report();
      tellModels();
      if (ready) await startAll("run", maxRunsPerWorker, nextRun);
      await startAll("publication", ERRANDS_AT_ONCE, nextPublication);
      await startAll("probe", ERRANDS_AT_ONCE, nextProbe);
      await startAll("trial", ERRANDS_AT_ONCE, nextTrial);
    } catch (error) {
      if (!isConnectionFault(error)) log.error({ err: error }, "the worker could not claim; trying again");
    }
    await turn.wait(POLL_MS);
  }
  await Promise.all([...running.values()].flatMap((of) => [...of]));
  await telling;
  await workerGone(db, workerName).catch(() => {});

  type Deed = () => Promise<void>;

  async function nextRun(): Promise<Deed | null> {
    const lease = await claim(db, workerName, leaseMs, config, [...driven]);
    if (!lease) return null;
    crashAt("claim: committed");
    parts.counters.claimed();
    const renewal = { renew: () => renew(db, lease, leaseMs), hurry: onCancelOf(lease.taskId) };
    return async () => {
      driven.add(lease.attemptId);
      const goesOnWith = [lease.attemptId, lease.follows ?? ""].find(kept.has) ?? null;
      kept.makeRoom(maxRunsPerWorker - driven.size, goesOnWith);
      await underLease(parts, renewal, (stops) => runAttempt(lease, parts, stops), signal).finally(() => {
        driven.delete(lease.attemptId);
        trim();
      });
    };
  }

  async function nextPublication(): Promise<Deed | null> {
    const publication = await claimPublication(db, workerName, leaseMs);
    if (publication) crashAt("publish: claimed");
    return (
      publication &&
      (() =>
        underLease(
          parts,
          { renew: () => renewPublication(db, publication, leaseMs), hurry: () => {} },
          ({ signal }) => publish(publication, parts, signal),
          signal,
        ))
    );
  }

  async function nextProbe(): Promise<Deed | null> {
    return (await hasProbe(db)) ? () => answerProbe(db, (probe) => lookAt(probe, parts, signal)) : null;
  }

  async function nextTrial(): Promise<Deed | null> {
    return (await hasTrial(db)) ? () => answerTrial(db, (model) => parts.models.attempt(model, signal)) : null;
  }

  /** Nobody waits for it: a server of models may be slow to say what it has. */
  function tellModels(): void {
    telling ??= parts.models
      .tell(signal)
      .catch((error) => signal.aborted || isConnectionFault(error) || log.warn({ err: error }, "which models there are could not be told"))
      .finally(() => {
        telling = null;
      });
  }

  /** What a run has made may be too much for the disk. Nobody waits for it; what it leaves undone, the next run's end does. */
  function trim(): void {
    trimLayers(parts, signal).catch((error) => signal.aborted || log.warn({ err: error }, "layers could not be removed"));
  }

  function onCancelOf(taskId: string) {
    return (wake: () => void, over: AbortSignal) => {
      for (const name of [taskId, "any"]) cancels.addEventListener(name, wake, { signal: over });
    };
  }

  /** Starts one after another while there are places and work. */
  async function startAll(kind: string, places: number, next: () => Promise<Deed | null>): Promise<void> {
    const of = running.get(kind) ?? new Set();
    running.set(kind, of);
    while (of.size < places && !signal.aborted) {
      const deed = await next();
      if (!deed) return;
      const doing = deed()
        .catch((error) => log.error({ err: error }, `a ${kind} ended unexpectedly`))
        .finally(() => {
          of.delete(doing);
          turn.wake();
        });
      of.add(doing);
    }
  }
}

/**
 * Tells the database every few seconds that this worker lives and what it misses, and at once when its disk runs full or has room again. The result:
 * whether it misses nothing. `makeRoom` is called while there is none.
 */
function reporter({ db, config, sandboxes, log }: WorkerParts, makeRoom: () => void): () => Promise<boolean> {
  let known: { missing: string[]; limitsNotHeld: string[] } | null = null;
  let wasFull = false;
  let toldAt = Number.NEGATIVE_INFINITY;
  return async () => {
    const full = await sandboxes.full();
    if (full !== null) makeRoom();
    if (performance.now() - toldAt >= SEEN_MS || (full !== null) !== wasFull) {
      if (full === null && (known === null || known.missing.length > 0)) {
        known = {
          missing: (await sandboxes.missing()).map((what) => `${sandboxes.name} sandbox: ${what}`),
          limitsNotHeld: await sandboxes.limitsNotHeld(),
        };
        for (const what of known.missing) log.warn(what);
      }
      if (full !== null && !wasFull) log.warn(full);
      const missing = [...(known?.missing ?? []), ...(full === null ? [] : [full])];
      await workerSeen(db, config.workerName, missing, known?.limitsNotHeld ?? []);
      wasFull = full !== null;
      toldAt = performance.now();
    }
    return full === null && known?.missing.length === 0;
  };
}

async function runsOfOthers({ db, config }: WorkerParts): Promise<Set<string>> {
  const rows = await db.query<{ run: string }>(
    sql`select id || '.' || run as run from attempt where state = 'running' and worker <> ${config.workerName}`,
  );
  return new Set(rows.map((row) => row.run));
}
