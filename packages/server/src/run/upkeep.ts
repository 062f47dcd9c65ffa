import { execFile } from "node:child_process";
import { statfs } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import type { Registry } from "prom-client";
import { pruneMirrors } from "../forge/git/mirror.ts";
import { layerBytesOf, storeWorkerDisk } from "../store/disk-use.ts";
import { storeWorkerMetrics } from "../store/figures.ts";
import { beginNightly, endNightly } from "../store/nightly.ts";
import { isRepositoryUsed, type Removed, removeOld } from "../store/retention.ts";
import type { WorkerParts } from "./parts.ts";

export type UpkeepParts = Pick<WorkerParts, "db" | "config" | "log"> & { metrics: Registry };

const TICK_MS = 5000;
const METRICS_MS = 15_000;
const NIGHTLY_MS = 10 * 60_000;
const MEASURE_MS = 60 * 60_000;

/**
 * What is due now and then, beside the work, until the signal: what is old goes, each night, what takes the disk is measured, each hour, and what
 * was counted is told. */
export async function upkeep(parts: UpkeepParts, signal: AbortSignal): Promise<void> {
  const jobs = [
    { everyMs: MEASURE_MS, work: measure, dueAt: 0 },
    { everyMs: METRICS_MS, work: tellMetrics, dueAt: 0 },
    { everyMs: NIGHTLY_MS, work: tidy, dueAt: performance.now() + NIGHTLY_MS / 10 }, // not while the service starts
  ];
  while (!signal.aborted) {
    await sleep(TICK_MS, undefined, { signal }).catch(() => {});
    for (const job of jobs) {
      if (signal.aborted) return;
      if (performance.now() < job.dueAt) continue;
      job.dueAt = performance.now() + job.everyMs;
      await job
        .work(parts, signal)
        .catch((error) => signal.aborted || parts.log.warn({ err: error }, "upkeep failed; it is tried again later"));
    }
  }
}

/** Removes what is old: from the database, once a night among all workers, and from this worker's disk. */
export async function tidy(parts: UpkeepParts, signal: AbortSignal): Promise<void> {
  const { db, config, log } = parts;
  const once = async (job: string, work: () => Promise<Removed[]>) => {
    if (!(await beginNightly(db, job, config.workerName))) return;
    const removed = await work();
    await endNightly(db, job, config.workerName, inWords(removed));
    if (removed.some(({ count }) => count > 0)) log.info(`old things removed: ${inWords(removed)}`);
  };
  await once("database", () => removeOld(db, config.keepDays, signal));
  await once(`mirrors of ${config.workerName}`, async () => [{ what: "mirrors", count: await oldMirrors(parts, signal), bytes: 0 }]);
}

function oldMirrors({ db, config }: UpkeepParts, signal: AbortSignal): Promise<number> {
  return pruneMirrors(config.home, (id) => isRepositoryUsed(db, id, config.keepDays.mirrors), signal);
}

const inWords = (removed: readonly Removed[]): string =>
  removed
    .filter(({ count }) => count > 0)
    .map(({ what, count, bytes }) => `${count} ${what}${bytes > 0 ? ` (${Math.ceil(bytes / 1024 ** 2)} MiB)` : ""}`)
    .join(", ") || "nothing";

/** Puts what this worker has counted where the API can show it. */
export async function tellMetrics({ db, config, metrics }: UpkeepParts): Promise<void> {
  await storeWorkerMetrics(db, config.workerName, await metrics.getMetricsAsJSON());
}

/** Stores what takes this worker's disk. */
export async function measure({ db, config }: UpkeepParts, signal: AbortSignal): Promise<void> {
  const { bsize, blocks, bavail } = await statfs(config.home);
  const bytes = { mirrors: await bytesIn(join(config.home, "mirrors"), signal), layers: await layerBytesOf(db, config.workerName) };
  const disk = { at: new Date().toISOString(), home: config.home, totalBytes: blocks * bsize, freeBytes: bavail * bsize, bytes };
  await storeWorkerDisk(db, config.workerName, disk);
}

async function bytesIn(folder: string, signal: AbortSignal): Promise<number> {
  // A file that goes meanwhile makes du end with 1, and it has counted the others.
  const { stdout } = await promisify(execFile)("du", ["-s", "-x", "--block-size=1", "--", folder], { signal }).catch(
    (error: { stdout?: string }) => {
      signal.throwIfAborted();
      return { stdout: error.stdout ?? "" };
    },
  );
  return Number.parseInt(stdout, 10) || 0;
}
