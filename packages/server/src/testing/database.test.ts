import assert from "node:assert/strict";
import { test } from "node:test";
import pg from "pg";
import { testDatabase } from "./database.ts";

test("each test has a migrated database of its own, and leaves nothing", async () => {
  const [one, two] = await Promise.all([testDatabase(), testDatabase()]);
  const names: string[] = [];
  for (const { url } of [one, two]) {
    const client = new pg.Client({ connectionString: url });
    client.on("error", () => {}); // left open on purpose: disposal ends it
    await client.connect();
    const { rows } = await client.query("select current_database() as name, (select count(*)::int from migration) as migrations");
    assert.ok(rows[0].migrations > 0);
    names.push(rows[0].name);
  }
  assert.notEqual(names[0], names[1]);
  await one[Symbol.asyncDispose]();
  await two[Symbol.asyncDispose]();
  await two[Symbol.asyncDispose]();
  await assert.rejects(new pg.Client({ connectionString: one.url }).connect(), /does not exist/);
});
