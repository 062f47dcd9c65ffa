import assert from "node:assert/strict";
import { test } from "node:test";
import pg from "pg";
import { testDatabase } from "../testing/database.ts";
import { isConnectionFault, openPool } from "./db.ts";

const BACKEND = "select pg_backend_pid() as pid";

async function terminate(url: string, { rows }: pg.QueryResult<{ pid: number }>): Promise<void> {
  const other = new pg.Client({ connectionString: url });
  await other.connect();
  await other.query("select pg_terminate_backend($1)", [rows[0]?.pid]);
  await other.end();
}

test("a connection that breaks between two statements of whoever has it is told by the next, and ends no process", async () => {
  await using database = await testDatabase();
  const told: Error[] = [];
  const pool = openPool(database.url, (error) => told.push(error), 1);
  const client = await pool.connect();
  await client.query("begin");
  const ended = new Promise((resolve) => client.once("end", resolve)); // events.once would hear the error, too
  await terminate(database.url, await client.query(BACKEND));
  await ended;
  await assert.rejects(client.query("select 1"), isConnectionFault);
  client.release(true);
  assert.equal((await pool.query("select 1")).rowCount, 1, "the pool makes another");
  assert.deepEqual(told, []);
  await pool.end();
});

test("a connection that breaks while nobody has it is told at once", async () => {
  await using database = await testDatabase();
  const told = Promise.withResolvers<Error>();
  const pool = openPool(database.url, told.resolve, 1);
  await terminate(database.url, await pool.query(BACKEND));
  assert.match((await told.promise).message, /terminat/);
  await pool.end();
});
