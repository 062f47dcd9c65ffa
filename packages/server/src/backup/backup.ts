import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import pg from "pg";
import { to } from "pg-copy-streams";
import { type Config, StartupError } from "../config.ts";
import { publicKeyOf } from "../domain/secret.ts";
import { type Entry, writeArchive } from "./archive.ts";
import { FORMAT, MANIFEST, type Manifest, newHash, partName, WORKER_KEY } from "./manifest.ts";

const PART_BYTES = 4 * 1024 * 1024;
const PROGRESS_BYTES = 512 * 1024 * 1024;

/** What is of this moment or of one worker's disk, and is made anew. */
const NOT_KEPT = ["layer_stack", "worker", "worker_models", "probe", "model_trial"];

type Table = { name: string; columns: string[] };

/**
 * Writes the whole service into one file: every table as it was at one moment, and the workers' key, without which no secret in it can be opened.
 * The service may run meanwhile. The file appears whole or not at all. Throws StartupError.
 */
export async function backup(
  path: string,
  config: Pick<Config, "home">,
  database: string,
  version: string,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  if (existsSync(path)) throw new StartupError(`${path} exists already: name another file`);
  const client = new pg.Client({ connectionString: database });
  client.on("error", () => {}); // what waits for it fails, too
  await client.connect();
  const stop = () => void client.end().catch(() => {});
  signal.addEventListener("abort", stop, { once: true });
  try {
    const tables = await oneMoment(client);
    const key = await workerKey(client, config.home);
    say(`Backing up ${tables.length} tables to ${path}`);
    const bytes = await writeArchive(path, entries(client, { tables, key, version }, say), signal);
    say(`${path} is written: ${mib(bytes)}. Keep it as you would keep a key: with it, all secrets can be opened.`);
  } finally {
    signal.removeEventListener("abort", stop);
    await client.end().catch(() => {});
  }
}

/** From here on the connection sees the database as it is now. A migration waits until it ends; tasks do not. */
async function oneMoment(client: pg.Client): Promise<Table[]> {
  const before = await tablesOf(client);
  if (!before.some(({ name }) => name === "migration")) throw new StartupError("this database has nothing of Farhand in it");
  await client.query("begin isolation level repeatable read read only");
  await client.query(`lock table ${before.map(({ name }) => pg.escapeIdentifier(name)).join(", ")} in access share mode`);
  const tables = await tablesOf(client);
  if (JSON.stringify(tables) !== JSON.stringify(before))
    throw new StartupError("the database is just being brought to a newer version: try again");
  return tables.filter(({ name }) => !NOT_KEPT.includes(name));
}

async function tablesOf(client: pg.Client): Promise<Table[]> {
  const { rows } = await client.query<Table>(`
    select c.relname::text as name, array_agg(a.attname::text order by a.attnum) as columns
    from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
    where c.relnamespace = current_schema()::regnamespace and c.relkind = 'r' group by c.relname order by c.relname`);
  return rows;
}

/** The private key that the secrets in the database are sealed for; null = there is none yet. */
async function workerKey(client: pg.Client, home: string): Promise<Buffer | null> {
  const { rows } = await client.query<{ value: string }>("select value from setting where key = 'sealing-key'");
  if (!rows[0]) return null;
  const file = join(home, WORKER_KEY);
  const key = await readFile(file).catch((error: NodeJS.ErrnoException) => {
    throw new StartupError(
      `${file} cannot be read (${error.code}), and without it no secret could be opened: back up where a worker's home is, as its user`,
    );
  });
  if (publicKeyOf(key.toString("utf8").trim()) !== rows[0].value)
    throw new StartupError(`${file} is not the key that the secrets in the database are sealed for: back up where a worker's home is`);
  return key;
}

type Contents = { tables: readonly Table[]; key: Buffer | null; version: string };

async function* entries(client: pg.Client, contents: Contents, say: (line: string) => void): AsyncGenerator<Entry> {
  const { key, version } = contents;
  const scalar = async (query: string) => String(Object.values((await client.query(query)).rows[0])[0]);
  const migrations = (await client.query<{ name: string }>("select name from migration order by name")).rows.map(({ name }) => name);
  if (key) yield { name: WORKER_KEY, bytes: key };
  const tables: Manifest["tables"] = [];
  for (const table of contents.tables) {
    if (table.name === "migration") continue; // the manifest names them
    tables.push(yield* rowsOf(client, table, say));
  }
  // Sequences know no transactions: read last, they are not behind any row.
  const sequences = await client.query<{ name: string; last: string }>(
    "select sequencename::text as name, last_value::text as last from pg_sequences where schemaname = current_schema() and last_value is not null order by 1",
  );
  const manifest: Manifest = {
    format: FORMAT,
    farhand: version,
    at: new Date(await scalar("select now()::text")).toISOString(),
    postgres: await scalar("show server_version"),
    migrations,
    tables,
    sequences: sequences.rows,
    keySha256: key && newHash().update(key).digest("hex"),
  };
  yield { name: MANIFEST, bytes: Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`) };
}

async function* rowsOf(
  client: pg.Client,
  { name, columns }: Table,
  say: (line: string) => void,
): AsyncGenerator<Entry, Manifest["tables"][number]> {
  const hash = newHash();
  let waiting: Buffer[] = [];
  let waitingBytes = 0;
  let total = 0;
  let number = 0;
  const part = (): Entry => {
    const bytes = Buffer.concat(waiting);
    waiting = [];
    waitingBytes = 0;
    hash.update(bytes);
    return { name: partName(name, number++), bytes };
  };
  const rows = client.query(to(`copy ${copied(name, columns)} to stdout`));
  for await (const chunk of rows as AsyncIterable<Buffer>) {
    waiting.push(chunk);
    waitingBytes += chunk.length;
    total += chunk.length;
    if (waitingBytes < PART_BYTES) continue;
    yield part();
    if (total % PROGRESS_BYTES < PART_BYTES) say(`  ${name}: ${mib(total)} so far`);
  }
  if (waitingBytes > 0) yield part();
  if (rows.rowCount > 0) say(`  ${name}: ${rows.rowCount} ${rows.rowCount === 1 ? "row" : "rows"}`);
  return { name, columns, rows: rows.rowCount, sha256: hash.digest("hex") };
}

export const copied = (table: string, columns: readonly string[]): string =>
  `${pg.escapeIdentifier(table)} (${columns.map((column) => pg.escapeIdentifier(column)).join(", ")})`;

const mib = (bytes: number): string => (bytes < 1024 ** 2 ? `${Math.ceil(bytes / 1024)} KiB` : `${(bytes / 1024 ** 2).toFixed(1)} MiB`);
