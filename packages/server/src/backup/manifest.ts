import { createHash, type Hash } from "node:crypto";
import { z } from "zod";
import { StartupError } from "../config.ts";
import { type Entry, readArchive } from "./archive.ts";

export const FORMAT = 1;
export const MANIFEST = "manifest.json";
export const WORKER_KEY = "keys/worker.key";

const Table = z.object({ name: z.string(), columns: z.array(z.string()), rows: z.int(), sha256: z.string() });

/** The last entry of a backup: what must be in it. */
export const Manifest = z.object({
  format: z.literal(FORMAT),
  /** The version of Farhand that wrote it. */
  farhand: z.string(),
  at: z.iso.datetime(),
  postgres: z.string(),
  /** What the schema was made by. */
  migrations: z.array(z.string()).min(1),
  tables: z.array(Table),
  sequences: z.array(z.object({ name: z.string(), last: z.string() })),
  /** null: no worker had ever started. */
  keySha256: z.string().nullable(),
});
export type Manifest = z.infer<typeof Manifest>;

export const partName = (table: string, number: number): string => `tables/${table}/${String(number).padStart(8, "0")}`;

/** Which table an entry is a part of; null = of none. */
export const tableOf = (name: string): string | null => /^tables\/([^/]+)\/\d+$/.exec(name)?.[1] ?? null;

export const newHash = (): Hash => createHash("sha256");

/**
 * The entries of a backup up to its manifest, which is the generator's result. Throws StartupError, at the latest at the end, where a byte of it is not
 * what was written.
 */
export async function* checkedEntries(path: string, signal: AbortSignal): AsyncGenerator<Entry, Manifest> {
  const hashes = new Map<string, Hash>();
  for await (const entry of readArchive(path, signal)) {
    if (entry.name === MANIFEST) return check(path, entry.bytes, hashes);
    const of = tableOf(entry.name) ?? entry.name;
    const hash = hashes.get(of) ?? newHash();
    hashes.set(of, hash.update(entry.bytes));
    yield entry;
  }
  throw new StartupError(`${path} is no backup of Farhand, or not a whole one`);
}

function check(path: string, bytes: Buffer, hashes: ReadonlyMap<string, Hash>): Manifest {
  const text = bytes.toString("utf8");
  const format = /"format":\s*(\d+)/.exec(text)?.[1];
  if (Number(format) > FORMAT) throw new StartupError(`${path} was written by a newer Farhand: restore it with that one`);
  const parsed = Manifest.safeParse(JSON.parse(text));
  if (!parsed.success) throw new StartupError(`${path} is no backup of Farhand: ${parsed.error.message}`);
  const expected = new Map(parsed.data.tables.map((table) => [table.name, table.sha256]));
  if (parsed.data.keySha256 !== null) expected.set(WORKER_KEY, parsed.data.keySha256);
  for (const [name, sha256] of expected) {
    if ((hashes.get(name) ?? newHash()).digest("hex") !== sha256)
      throw new StartupError(`${path} is damaged: ${name} is not what was written`);
  }
  const extra = [...hashes.keys()].find((name) => !expected.has(name));
  if (extra !== undefined) throw new StartupError(`${path} is damaged: ${extra} is not of it`);
  return parsed.data;
}
