import { randomBytes } from "node:crypto";
import { after } from "node:test";
import pg from "pg";
import { migrate } from "../store/migrate.ts";
import { startTestServer, TEST_DATABASE } from "./database-server.ts";

export type TestDatabase = AsyncDisposable & { url: string };

const TEMPLATE = "farhand_template";

let own: ReturnType<typeof startTestServer> | undefined;
after(async () => (await own)?.[Symbol.asyncDispose]());

/**
 * A fresh, migrated (or `empty`) database, dropped on disposal, connections and all. `npm test` shares one server among all files; a file that is run by
 * itself starts one, which ends with it.
 */
export async function testDatabase({ empty = false } = {}): Promise<TestDatabase> {
  const adminUrl = process.env[TEST_DATABASE] ?? (await ownServer()).adminUrl;
  await ensureTemplate(adminUrl);
  const name = `test_${randomBytes(8).toString("hex")}`;
  await asAdmin(adminUrl, (admin) => admin.query(`create database ${name} template ${empty ? "template1" : TEMPLATE} owner farhand`));
  return {
    url: urlOf(adminUrl, name),
    [Symbol.asyncDispose]: () =>
      asAdmin(adminUrl, async (admin) => void (await admin.query(`drop database if exists ${name} with (force)`))),
  };
}

function ownServer(): ReturnType<typeof startTestServer> {
  own ??= startTestServer();
  return own;
}

async function ensureTemplate(adminUrl: string): Promise<void> {
  await asAdmin(adminUrl, async (admin) => {
    await admin.query("select pg_advisory_lock(1)"); // other test files want it as well
    const known = await admin.query("select from pg_database where datname = $1", [TEMPLATE]);
    if (known.rowCount !== 0) return;
    const unfinished = `${TEMPLATE}_unfinished`;
    await admin.query(`drop database if exists ${unfinished}`);
    await admin.query(`create database ${unfinished} owner farhand`);
    await migrate(urlOf(adminUrl, unfinished));
    await admin.query(`alter database ${unfinished} rename to ${TEMPLATE}`);
  });
}

function urlOf(adminUrl: string, database: string): string {
  const url = new URL(adminUrl);
  url.username = "farhand";
  url.pathname = `/${database}`;
  return url.href;
}

async function asAdmin<T>(adminUrl: string, act: (admin: pg.Client) => Promise<T>): Promise<T> {
  const admin = new pg.Client({ connectionString: adminUrl });
  await admin.connect();
  try {
    return await act(admin);
  } finally {
    await admin.end();
  }
}
