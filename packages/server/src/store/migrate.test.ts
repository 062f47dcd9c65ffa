import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { testDatabase } from "../testing/database.ts";
import { migrate, SCHEMA_LOCK } from "./migrate.ts";

const WAITERS =
  "select from pg_locks join pg_database on pg_database.oid = database where locktype = 'advisory' and not granted and datname = current_database()";

test("who gives up while somebody else changes the schema does not wait for the end of that", { timeout: 60_000 }, async () => {
  await using database = await testDatabase();
  const other = new pg.Client({ connectionString: database.url });
  await other.connect();
  await using _other = { [Symbol.asyncDispose]: () => other.end() };
  await other.query("select pg_advisory_lock($1)", [SCHEMA_LOCK]);
  const stop = new AbortController();
  const waiting = migrate(database.url, stop.signal);
  while ((await other.query(WAITERS)).rowCount === 0) await sleep(20);
  stop.abort();
  await assert.rejects(waiting);
});
