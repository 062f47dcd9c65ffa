import { readdir, readFile } from "node:fs/promises";
import pg from "pg";

const folder = new URL("./migrations/", import.meta.url);
/** Whoever changes the schema holds this advisory lock. Any number will do, as long as every version of Farhand takes the same. */
export const SCHEMA_LOCK = 7_420_001;
const MIGRATION_TABLE = "create table if not exists migration (name text primary key, at timestamptz not null default now())";

/** Brings the schema up to this version, each migration in a transaction of its own; several processes at once wait for one another. Throws where the database is newer than the program, and on abort. */
export async function migrate(databaseUrl: string, signal?: AbortSignal): Promise<void> {
  const files = await migrations();
  signal?.throwIfAborted();
  const client = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: 10_000 });
  client.on("error", () => {}); // the statement that runs, or the next, tells it
  const stop = () => void client.end().catch(() => {});
  signal?.addEventListener("abort", stop, { once: true });
  try {
    await client.connect();
    await client.query("select pg_advisory_lock($1)", [SCHEMA_LOCK]);
    await client.query(MIGRATION_TABLE);
    const { rows } = await client.query<{ name: string }>("select name from migration");
    const done = new Set(rows.map((row) => row.name));
    const unknown = [...done].filter((name) => !files.includes(name));
    if (unknown.length > 0)
      throw new Error(`the database was used by a newer Farhand (it has ${unknown.join(", ")}): start that version, or restore a backup`);
    for (const name of files) if (!done.has(name)) await alone(client, name);
  } finally {
    signal?.removeEventListener("abort", stop);
    await client.end().catch(() => {});
  }
}

/** The names of all that this version knows, in their order. */
export async function migrations(): Promise<string[]> {
  return (await readdir(folder)).filter((name) => name.endsWith(".sql")).sort();
}

/** Makes the schema that a database with exactly these migrations has, in the caller's transaction, on an empty database. */
export async function makeSchema(client: pg.ClientBase, names: readonly string[]): Promise<void> {
  await client.query(MIGRATION_TABLE);
  for (const name of [...names].sort()) await apply(client, name);
}

async function apply(client: pg.ClientBase, name: string): Promise<void> {
  await client.query(await readFile(new URL(name, folder), "utf8"));
  await client.query("insert into migration (name) values ($1)", [name]);
}

async function alone(client: pg.ClientBase, name: string): Promise<void> {
  await client.query("begin");
  try {
    await apply(client, name);
    await client.query("commit");
  } catch (error) {
    await client.query("rollback").catch(() => {}); // without its connection nothing of it stays
    throw new Error(`migration ${name} failed: ${(error as Error).message}`, { cause: error });
  }
}
