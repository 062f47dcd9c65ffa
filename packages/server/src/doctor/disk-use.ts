import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Config } from "../config.ts";
import { openDb } from "../store/db.ts";
import { type DatabaseUse, databaseUse, type WorkerDisk, workerDisks } from "../store/disk-use.ts";
import { reachDatabase } from "../supervisor/reach-database.ts";
import { type Check, ok, warning } from "./check.ts";

const MIB = 1024 ** 2;
const MAIN_TABLES = 5;
/** What is worth a line. */
const LEAST_BYTES = MIB;
const DAY_MS = 86_400_000;
const KINDS: Readonly<Record<string, string>> = { output: "outputs of commands", patch: "changes", checkpoint: "working trees" };

/** What takes the disk: in the database, and on the workers'. Nothing where there is no database yet, or it does not answer, which is another check's. */
export async function checkUse(config: Config, signal: AbortSignal): Promise<Check[]> {
  if (config.databaseUrl === null && (await readdir(join(config.home, "database/data")).catch(() => [])).length === 0) return [];
  try {
    await using database = await reachDatabase(config, () => {}, signal);
    const db = openDb(database.url, () => {}, 1);
    try {
      const [last] = await db.query<{ schema: boolean }>({ text: "select to_regclass('nightly') is not null as schema", values: [] });
      if (!last?.schema) return []; // of a version before this one
      const [night] = await db.query<{ finished_at: Date | null; detail: string | null }>({
        text: "select finished_at, detail from nightly where job = 'database'",
        values: [],
      });
      const disks = await workerDisks(db);
      return [
        ok("database use", inWords(await databaseUse(db))),
        ...disks.map(({ worker, disk }) => judgeWorkerDisk(worker, disk)),
        judgeNight(night ?? null, Date.now()),
      ];
    } finally {
      await db.close();
    }
  } catch (error) {
    if (signal.aborted) throw error;
    return [];
  }
}

/** Whether a worker's disk comes to its end: then setup, mirrors and sandboxes fail. */
export function judgeWorkerDisk(worker: string, disk: WorkerDisk): Check {
  const parts = Object.entries(disk.bytes).map(([kind, bytes]) => `${kind} ${size(bytes)}`);
  const free = `${size(disk.freeBytes)} of ${size(disk.totalBytes)} free`;
  const detail = `${[...parts, free].join(", ")} (${disk.home}, ${disk.at.slice(0, 16).replace("T", " ")})`;
  const isNear = disk.freeBytes < 0.1 * disk.totalBytes;
  if (!isNear) return ok(`disk of ${worker}`, detail);
  return warning(
    `disk of ${worker}`,
    detail,
    "Lower FARHAND_LAYERS_GB and the FARHAND_KEEP_… days, or give it a larger disk: docs/operations.md.",
  );
}

/** `finished_at` null: it is under way, or its worker died. No row: no worker has come to it yet. */
export function judgeNight(night: { finished_at: Date | null; detail: string | null } | null, now: number): Check {
  const at = night?.finished_at;
  if (!at) return ok("nightly clean-up", night ? "under way" : "not yet");
  const detail = `${at.toISOString().slice(0, 16).replace("T", " ")}: removed ${night.detail ?? "nothing"}`;
  if (now - at.getTime() < 3 * DAY_MS) return ok("nightly clean-up", detail);
  return warning("nightly clean-up", `last done ${detail}`, "A worker does it while it runs, each night: see its log.");
}

function inWords({ bytes, tables, stored }: DatabaseUse): string {
  const kinds = stored
    .filter((one) => one.bytes >= LEAST_BYTES)
    .map((one) => `${one.count} ${KINDS[one.kind] ?? one.kind} ${size(one.bytes)}`);
  const large = tables.filter((one) => one.bytes >= LEAST_BYTES).slice(0, MAIN_TABLES);
  const lines = [`${size(bytes)} in all`];
  if (large.length > 0) lines.push(`tables: ${large.map((one) => `${one.name} ${size(one.bytes)}`).join(", ")}`);
  if (kinds.length > 0) lines.push(`stored: ${kinds.join(", ")}`);
  return lines.join("\n");
}

const size = (bytes: number): string => (bytes >= 1024 * MIB ? `${(bytes / 1024 / MIB).toFixed(1)} GiB` : `${Math.ceil(bytes / MIB)} MiB`);
