import type { HostCheck } from "@farhand/protocol";
import { failed, ok, warning } from "../domain/check.ts";
import { type Db, sql } from "./db.ts";
import { type DatabaseUse, databaseUse, type WorkerDisk, workerDisks } from "./disk-use.ts";

const MIB = 1024 ** 2;
const MAIN_TABLES = 5;
/** What is worth a line. */
const LEAST_BYTES = MIB;
const DAY_MS = 86_400_000;
const KINDS: Readonly<Record<string, string>> = { output: "outputs of commands", patch: "changes", checkpoint: "working trees" };
/** A worker says that it lives every few seconds. */
const SILENT_MS = 60_000;

/** What takes the disk, of the database and of the workers, and how the last night went. */
export async function useChecks(db: Db): Promise<HostCheck[]> {
  const [night] = await db.query<{ finished_at: Date | null; detail: string | null }>(
    sql`select finished_at, detail from nightly where job = 'database'`,
  );
  const disks = await workerDisks(db);
  return [
    ok("database use", inWords(await databaseUse(db))),
    ...disks.map(({ worker, disk }) => judgeWorkerDisk(worker, disk)),
    judgeNight(night ?? null, Date.now()),
  ];
}

export type WorkerSeen = { name: string; started_at: Date; seen_at: Date; missing: string[]; limits_not_held: string[] };

/** What each worker has told of itself. None at all is a failure of its own. */
export async function workerChecks(db: Db): Promise<HostCheck[]> {
  const known = await db.query<WorkerSeen>(sql`select name, started_at, seen_at, missing, limits_not_held from worker order by name`);
  if (known.length === 0)
    return [failed("workers", "none is running", "Start one: npm start has one, and FARHAND_ROLE=worker is another.")];
  return known.map((worker) => judgeWorker(worker, Date.now()));
}

export function judgeWorker({ name, started_at, seen_at, missing, limits_not_held }: WorkerSeen, now: number): HostCheck {
  const title = `worker ${name}`;
  if (now - seen_at.getTime() > SILENT_MS)
    return warning(
      title,
      `last heard of ${at(seen_at)}`,
      "If it is gone for good, this line goes with the next start of a worker of its name.",
    );
  if (missing.length > 0)
    return failed(title, missing.join("\n"), "It takes no tasks before this is mended: farhand doctor there says more.");
  const since = `takes tasks, since ${at(started_at)}`;
  if (limits_not_held.length === 0) return ok(title, since);
  return warning(
    title,
    `${since}, without these limits:\n${limits_not_held.join("\n")}`,
    "Environments that require limits are refused there; as root, or with control groups that can be written, they are held.",
  );
}

/** The database that answers. */
export async function databaseCheck(db: Db): Promise<HostCheck> {
  const [row] = await db.query<{ server_version: string }>(sql`select current_setting('server_version') as server_version`);
  return ok("database", `PostgreSQL ${row?.server_version}, answers`);
}

const at = (date: Date) => date.toISOString().slice(0, 16).replace("T", " ");

/** Whether a worker's disk comes to its end: then setup, mirrors and sandboxes fail. */
export function judgeWorkerDisk(worker: string, disk: WorkerDisk): HostCheck {
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
export function judgeNight(night: { finished_at: Date | null; detail: string | null } | null, now: number): HostCheck {
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
