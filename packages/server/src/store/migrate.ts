import { readdir, readFile } from "node:fs/promises";
import pg from "pg";

const folder = new URL("./migrations/", import.meta.url);
/** Any number will do, as long as every version of Farhand takes the same. */
const LOCK = 7_420_001;

/** Brings the schema up to this version, each migration in a transaction of its own; several processes at once wait for one another. Throws where the database is newer than the program. */
export async function migrate(databaseUrl: string): Promise<void> {
  const files = (await readdir(folder)).filter((name) => name.endsWith(".sql")).sort();
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query("select pg_advisory_lock($1)", [LOCK]);
    await client.query("create table if not exists migration (name text primary key, at timestamptz not null default now())");
    const { rows } = await client.query<{ name: string }>("select name from migration");
    const done = new Set(rows.map((row) => row.name));
    const unknown = [...done].filter((name) => !files.includes(name));
    if (unknown.length > 0)
      throw new Error(`the database was used by a newer Farhand (it has ${unknown.join(", ")}): start that version, or restore a backup`);
    for (const name of files) if (!done.has(name)) await apply(client, name, await readFile(new URL(name, folder), "utf8"));
  } finally {
    await client.end();
  }
}

async function apply(client: pg.Client, name: string, statements: string): Promise<void> {
  await client.query("begin");
  try {
    await client.query(statements);
    await client.query("insert into migration (name) values ($1)", [name]);
    await client.query("commit");
  } catch (error) {
    await client.query("rollback");
    throw new Error(`migration ${name} failed: ${(error as Error).message}`, { cause: error });
  }
}
