import { once } from "node:events";
import { existsSync } from "node:fs";
import { chmod, mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import pg from "pg";
import { from } from "pg-copy-streams";
import { StartupError } from "../config.ts";
import { makeSchema, migrate, migrations, SCHEMA_LOCK } from "../store/migrate.ts";
import { copied } from "./backup.ts";
import { checkedEntries, type Manifest, tableOf, WORKER_KEY } from "./manifest.ts";

export type Checked = { path: string; manifest: Manifest; key: Buffer | null };

/** Reads the whole backup and says what is in it; changes nothing. Throws StartupError where it is damaged, or of a newer Farhand. */
export async function checkBackup(path: string, signal: AbortSignal): Promise<Checked> {
  let key: Buffer | null = null;
  const entries = checkedEntries(path, signal);
  for (;;) {
    const { done, value } = await entries.next();
    if (!done) {
      if (value.name === WORKER_KEY) key = value.bytes;
      continue;
    }
    const known = await migrations();
    const newer = value.migrations.filter((name) => !known.includes(name));
    if (newer.length > 0)
      throw new StartupError(
        `${path} was written by a newer Farhand, ${value.farhand} (it has ${newer.join(", ")}): restore it with that one`,
      );
    return { path, manifest: value, key };
  }
}

/** Throws StartupError where the home holds the key of another service. */
export async function refuseOtherKey(home: string, { key }: Checked): Promise<void> {
  const known = await readFile(join(home, WORKER_KEY)).catch(() => null);
  if (known !== null && !(key !== null && known.equals(key)))
    throw new StartupError(
      `${home} belongs to another Farhand: its ${WORKER_KEY} is not that of the backup. Set FARHAND_HOME to a new folder.`,
    );
}

/** Puts the workers' key into the home, unless it is there. The result takes it away again. */
async function restoreKey(home: string, { key }: Checked): Promise<() => Promise<void>> {
  if (key === null || existsSync(join(home, WORKER_KEY))) return async () => {};
  const path = join(home, WORKER_KEY);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await chmod(dirname(path), 0o700);
  const draft = `${path}.${process.pid}`;
  try {
    const file = await open(draft, "wx", 0o600);
    await file.writeFile(key);
    await file.sync();
    await file.close();
    await rename(draft, path);
    return () => rm(path, { force: true });
  } finally {
    await rm(draft, { force: true });
  }
}

/**
 * Fills an empty database and the home with what the backup holds, all of it or nothing, then brings the database to the schema of this version. Throws
 * StartupError where the database is not empty, or the home has another key.
 */
export async function restore(
  checked: Checked,
  home: string,
  database: string,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const client = new pg.Client({ connectionString: database });
  client.on("error", () => {}); // what waits for it fails, too
  await client.connect();
  const stop = () => void client.end().catch(() => {});
  signal.addEventListener("abort", stop, { once: true });
  try {
    await client.query("select pg_advisory_lock($1)", [SCHEMA_LOCK]); // a service that starts meanwhile waits, and finds what we restored
    await refuseUsed(client);
    const takeAway = await restoreKey(home, checked); // before the data, so that they never stand without it
    try {
      await client.query("begin");
      await makeSchema(client, checked.manifest.migrations);
      await load(client, checked, say, signal);
      signal.throwIfAborted();
    } catch (error) {
      await takeAway();
      throw error;
    }
    await client.query("commit");
  } finally {
    signal.removeEventListener("abort", stop);
    await client.end().catch(() => {}); // without a commit, nothing of it stays
  }
  await migrate(database);
}

async function refuseUsed(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ name: string }>(
    "select relname::text as name from pg_class where relnamespace = current_schema()::regnamespace and relkind in ('r', 'p', 'v', 'm', 'S') order by 1 limit 1",
  );
  if (rows[0])
    throw new StartupError(
      `the database is not empty (it has ${rows[0].name}): restore into an empty one, such as that of a new FARHAND_HOME. Nothing was changed.`,
    );
}

/** References are checked as a whole, after the rows: so tables may come in any order. */
async function load(client: pg.Client, { path, manifest }: Checked, say: (line: string) => void, signal: AbortSignal): Promise<void> {
  const { rows: references } = await client.query<{ table: string; name: string; definition: string }>(`
    select conrelid::regclass::text as table, conname::text as name, pg_get_constraintdef(oid) as definition
    from pg_constraint where contype = 'f' and connamespace = current_schema()::regnamespace order by 1, 2`);
  for (const { table, name } of references) await client.query(`alter table ${table} drop constraint ${pg.escapeIdentifier(name)}`);
  const emptied = manifest.tables.map(({ name }) => pg.escapeIdentifier(name));
  if (emptied.length > 0) await client.query(`truncate ${emptied.join(", ")}`); // of what a migration puts into a new database
  await loadRows(client, path, manifest, say, signal);
  for (const { table, name, definition } of references)
    await client.query(`alter table ${table} add constraint ${pg.escapeIdentifier(name)} ${definition}`);
  for (const { name, last } of manifest.sequences) await client.query("select setval(quote_ident($1)::regclass, $2::bigint)", [name, last]);
}

async function loadRows(
  client: pg.Client,
  path: string,
  manifest: Manifest,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const tables = new Map(manifest.tables.map((table) => [table.name, table]));
  let filling = null as Filling | null;
  for await (const { name, bytes } of checkedEntries(path, signal)) {
    const table = tables.get(tableOf(name) ?? "");
    if (!table) continue;
    if (filling?.name !== table.name) {
      await filling?.end();
      filling = copyInto(client, table, say);
    }
    await filling.write(bytes);
  }
  await filling?.end();
}

type Filling = { name: string; write(bytes: Buffer): Promise<void>; end(): Promise<void> };

function copyInto(client: pg.Client, { name, columns, rows }: Manifest["tables"][number], say: (line: string) => void): Filling {
  const copying = client.query(from(`copy ${copied(name, columns)} from stdin`));
  const finished = once(copying, "finish");
  finished.catch(() => {}); // told by whoever waits next
  return {
    name,
    async write(bytes) {
      if (!copying.write(bytes)) await Promise.race([once(copying, "drain"), finished]);
    },
    async end() {
      copying.end();
      await finished;
      if (copying.rowCount !== rows) throw new Error(`table ${name} got ${copying.rowCount} rows, and the backup has ${rows}`);
      say(`  ${name}: ${rows} ${rows === 1 ? "row" : "rows"}`);
    },
  };
}
