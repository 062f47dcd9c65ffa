import assert from "node:assert/strict";
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { gunzipSync, gzipSync } from "node:zlib";
import pg from "pg";
import { StartupError } from "../config.ts";
import { Secret } from "../domain/secret.ts";
import { openBlob, wholeBlob } from "../store/blobs.ts";
import { openDb, sql } from "../store/db.ts";
import { readEvents } from "../store/event-log.ts";
import { claim } from "../store/leases.ts";
import { addSecret, openKeyring, sealForWorkers } from "../store/secrets.ts";
import { testDatabase } from "../testing/database.ts";
import { testFolder } from "../testing/git-repository.ts";
import { testStore } from "../testing/store.ts";
import { backup } from "./backup.ts";
import { checkBackup, refuseOtherKey, restore } from "./restore.ts";

const { signal } = new AbortController();
const silent = () => {};
const saying = (words: RegExp) => (error: unknown) => error instanceof StartupError && words.test(error.message);
const HARD_TEXT = "a\tb\\n\\.\n\r\u0001 'quoted' \"twice\" {1,2} \u{1f600} \\N";

/** A store with a sealed secret, a blob of several chunks, and a task that runs; and a backup of it. */
async function scene() {
  const parts = new AsyncDisposableStack();
  const folder = parts.use(await testFolder());
  const store = parts.use(await testStore());
  const home = join(folder.path, "home");
  const keyring = await openKeyring(store.db, home);
  const secret = await addSecret(store.db, await sealForWorkers(store.db, new Secret("s3cret")), store.user.id);
  const task = await store.give({ prompt: HARD_TEXT });
  await store.give({ title: "Waits" });
  await claim(store.db, "one", 60_000, { maxRuns: 1, maxRunsPerUser: 1, maxRunsPerWorker: 1 });
  const blob = await openBlob(store.db, task, "patch", 10_000_000);
  const bytes = Buffer.from(Array.from({ length: 700_000 }, (_, i) => (i * 31) % 256));
  await blob.write(bytes);
  await blob.close();
  const file = join(folder.path, "backup");
  const write = (to = file, from = home) => backup(to, { home: from }, store.url, "0.1.0", silent, signal);
  return {
    folder: folder.path,
    store,
    home,
    keyring,
    secret,
    task,
    blob: blob.id,
    bytes,
    file,
    write,
    async bringBack(to: string, home = join(folder.path, "restored"), from = file) {
      const checked = await checkBackup(from, signal);
      await refuseOtherKey(home, checked);
      await restore(checked, home, to, silent, signal);
      return home;
    },
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}

async function everything(url: string): Promise<Record<string, unknown[]>> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ name: string }>(
      "select relname::text as name from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r' order by 1",
    );
    const all: Record<string, unknown[]> = {};
    for (const { name } of rows) {
      const found = await client.query(`select to_jsonb(t) as row from ${name} t order by to_jsonb(t)::text`);
      all[name] = found.rows.map(({ row }) => (name === "migration" ? row.name : row));
    }
    return all;
  } finally {
    await client.end();
  }
}

test("what was backed up is restored, row for row; secrets open, sequences go on, and the workers' caches are forgotten", async () => {
  await using here = await scene();
  await here.store.db.query(sql`insert into worker (name, missing, limits_not_held) values ('one', '[]', '[]')`);
  await here.store.db.query(sql`insert into audit (actor, action, target) values ('a', 'b', 'c')`);
  const before = await everything(here.store.url);
  await here.write();
  assert.equal((await stat(here.file)).mode & 0o777, 0o600);
  await here.store.give({ title: "After the backup" });

  await using target = await testDatabase({ empty: true });
  const home = await here.bringBack(target.url);
  assert.deepEqual(await everything(target.url), { ...before, worker: [] });
  const db = openDb(target.url, assert.fail);
  try {
    const [row] = await db.query<{ sealed: Buffer }>(sql`select sealed from secret where id = ${here.secret}`);
    assert.equal((await openKeyring(db, home)).open(row?.sealed ?? assert.fail()).reveal(), "s3cret");
    assert.ok((await wholeBlob(db, here.task, here.blob, "patch")).equals(here.bytes));
    assert.equal((await readEvents(db, here.task, 0)).find(({ body }) => body.type === "turn.started")?.body.type, "turn.started");
    await db.query(sql`insert into audit (actor, action, target) values ('a', 'b', 'c')`);
    const [next] = await db.query<{ owner: number }>(sql`select nextval('environment_owner')::int as owner`);
    assert.equal(next?.owner, 1, "no host uid is given twice");
    const broken = db.query(sql`insert into turn (task_id, number, prompt, created_by) values ('task_none', 1, '', ${here.store.user.id})`);
    await assert.rejects(broken, /violates foreign key/, "references hold as before");
  } finally {
    await db.close();
  }
});

test("a backup is of one moment, while others go on writing", async () => {
  await using here = await scene();
  // Large enough that tasks are given between the copying of their events and of themselves.
  await here.store.db.query(sql`
    insert into idempotency (user_id, key, request, response)
    select ${here.store.user.id}, 'key ' || number, '', to_jsonb(repeat(md5(number::text), 300))
    from generate_series(1, 2000) number`);
  const stop = new AbortController();
  const writing = (async () => {
    while (!stop.signal.aborted) await here.store.give();
  })();
  await here.write();
  stop.abort();
  await writing;
  await using target = await testDatabase({ empty: true });
  await here.bringBack(target.url); // a turn without its task, or an event without its turn, would break a reference
  const { task, event } = await everything(target.url);
  const count = (task ?? []).reduce<number>((sum, row) => sum + (row as { last_seq: number }).last_seq, 0);
  assert.equal(event?.length, count, "no event is missing, and none is too many");
});

test("a database or a home that is in use is refused, and nothing is changed", async () => {
  await using here = await scene();
  await here.write();
  const before = await everything(here.store.url);
  const fresh = join(here.folder, "fresh");
  await assert.rejects(here.bringBack(here.store.url, fresh), saying(/database is not empty/));
  await assert.rejects(stat(fresh), { code: "ENOENT" });
  assert.deepEqual(await everything(here.store.url), before);

  await using other = await testStore();
  const otherHome = join(here.folder, "other");
  await openKeyring(other.db, otherHome);
  await using target = await testDatabase({ empty: true });
  await assert.rejects(here.bringBack(target.url, otherHome), saying(/belongs to another Farhand/));
  assert.deepEqual(await everything(target.url), {});
  await here.bringBack(target.url, here.home); // its own home, with its own key, is no obstacle
});

test("a damaged, shortened, foreign or newer file is refused before anything is changed", async () => {
  await using here = await scene();
  await here.write();
  const whole = await readFile(here.file);
  const plain = gunzipSync(whole);
  const at = plain.indexOf("Waits");
  const changed = Buffer.from(plain);
  changed.write("waits", at);
  const newer = Buffer.from(plain);
  newer.write("9999-", plain.lastIndexOf("0001-spine.sql"));
  const format = Buffer.from(plain);
  format.write('"format": 9', plain.lastIndexOf('"format": 1'));
  const cases: [string, Buffer, RegExp][] = [
    ["shortened", whole.subarray(0, whole.length - 100), /cannot be read as a backup/],
    ["empty", Buffer.alloc(0), /cannot be read as a backup|no backup/],
    ["text", Buffer.from("hello"), /cannot be read as a backup/],
    ["without its end", gzipSync(Buffer.concat([plain.subarray(0, 512 * 4), Buffer.alloc(1024)])), /whole one|cannot be read/],
    ["changed", gzipSync(changed), /damaged: task|damaged: turn|damaged: event/],
    ["newer schema", gzipSync(newer), /newer Farhand.*9999-/],
    ["newer format", gzipSync(format), /newer Farhand/],
  ];
  for (const [name, bytes, words] of cases) {
    const file = join(here.folder, name);
    await writeFile(file, bytes);
    await assert.rejects(checkBackup(file, signal), saying(words), name);
  }
  await assert.rejects(checkBackup(join(here.folder, "nowhere"), signal), saying(/ENOENT/));
});

test("a restore that fails on the way leaves neither rows nor a key", async () => {
  await using here = await scene();
  await here.write();
  const checked = await checkBackup(here.file, signal);
  const [first] = checked.manifest.tables.filter(({ rows }) => rows > 0);
  const wrong = {
    ...checked,
    manifest: { ...checked.manifest, tables: checked.manifest.tables.map((table) => (table === first ? { ...table, rows: 999 } : table)) },
  };
  const home = join(here.folder, "half");
  await using target = await testDatabase({ empty: true });
  await assert.rejects(restore(wrong, home, target.url, silent, signal), /got \d+ rows, and the backup has 999/);
  assert.deepEqual(await everything(target.url), {});
  assert.deepEqual(await readdir(join(home, "keys")), []);
  await here.bringBack(target.url, home);
});

test("a backup does not take the place of another, needs the right key, and leaves nothing when it is interrupted", async () => {
  await using here = await scene();
  await here.write();
  await assert.rejects(here.write(), saying(/exists already/));
  await assert.rejects(here.write(join(here.folder, "b"), join(here.folder, "nowhere")), saying(/worker\.key cannot be read/));
  await assert.rejects(here.write(join(here.folder, "no/such/folder")), saying(/cannot be written/));
  const stop = new AbortController();
  const writing = backup(join(here.folder, "b"), { home: here.home }, here.store.url, "0", () => stop.abort(), stop.signal);
  await assert.rejects(writing);
  assert.deepEqual((await readdir(here.folder)).sort(), ["backup", "home"]);
});
