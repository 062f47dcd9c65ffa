import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import pg from "pg";
import { StartupError } from "../../config.ts";
import { ensureSystemUser } from "../../supervisor/system-user.ts";
import { hasEnded, isAlive } from "./process-state.ts";
import { type Postgres, type PostgresOptions, startPostgres } from "./server.ts";

const scratch = mkdtempSync(join(tmpdir(), "farhand-postgres-"));
chmodSync(scratch, 0o711);
after(() => rmSync(scratch, { recursive: true, force: true }));
const owner = ensureSystemUser("/nonexistent", () => {});
const folder = join(scratch, "database"); // shared: each test leaves it stopped
const start = (options: Partial<PostgresOptions> = {}) => startPostgres({ folder, owner, ...options }, AbortSignal.timeout(60_000));

async function query(url: string, text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => {});
  await client.connect();
  try {
    const { rows } = await client.query({ text, rowMode: "array" });
    return rows.flat();
  } finally {
    await client.end();
  }
}

async function whileRunning<T>(server: Postgres, act: (server: Postgres) => Promise<T>): Promise<T> {
  try {
    return await act(server);
  } finally {
    await server.stop();
  }
}

test("what an interrupted first start left is done again; the services' role owns its database and is no superuser", async () => {
  mkdirSync(join(folder, "data.new"), { recursive: true });
  writeFileSync(join(folder, "data.new/PG_VERSION"), "18\n");
  await whileRunning(await start(), async (server) => {
    assert.deepEqual(await query(server.url, "select current_user::text, current_setting('is_superuser'), current_database()::text"), [
      "farhand",
      "off",
      "farhand",
    ]);
    assert.deepEqual(
      await query(
        server.url,
        "select pg_encoding_to_char(encoding), current_setting('fsync') from pg_database where datname = current_database()",
      ),
      ["UTF8", "on"],
    );
    assert.deepEqual(await query(server.url, "select current_setting('listen_addresses')"), [""]);
  });
});

test("only its own user and root reach the socket", async () => {
  await whileRunning(await start(), async (server) => {
    const { mode, uid } = statSync(new URL(server.url).searchParams.get("host") as string);
    assert.equal(mode & 0o777, 0o700);
    assert.equal(uid, owner?.uid ?? process.getuid?.());
    const asOther = server.adminUrl.replace("postgres@", "farhand@").replace("/postgres", "/template1");
    await assert.rejects(query(asOther, "alter system set jit = on"), /permission denied/);
  });
});

test("stopping ends the server and its connections, and may be repeated", async () => {
  const server = await start();
  const client = new pg.Client({ connectionString: server.url });
  client.on("error", () => {});
  await client.connect();
  await server.stop();
  assert.equal(isAlive(server.pid), false);
  await server.stop();
});

test("a server that still lives is used again", async () => {
  await whileRunning(await start(), async (first) => {
    const second = await start();
    assert.equal(second.pid, first.pid);
    assert.deepEqual(await query(second.url, "select 1"), [1]);
  });
});

test("a row acknowledged before kill -9 of the server is there after the next start, which comes at once", async () => {
  const killed = await start();
  await query(killed.url, "create table kept as select 42 as x");
  process.kill(killed.pid, "SIGKILL");
  await killed.untilEnded(AbortSignal.timeout(120_000));
  await whileRunning(await start(), async (server) => {
    assert.notEqual(server.pid, killed.pid);
    assert.deepEqual(await query(server.url, "select x from kept"), [42]);
  });
});

test("a pid file that names another process is no server of ours, and no obstacle", async () => {
  await (await start()).stop();
  writeFileSync(join(folder, "data/postmaster.pid"), `${process.pid}\n${join(folder, "data")}\n`);
  await whileRunning(await start(), async (server) => {
    assert.notEqual(server.pid, process.pid);
    assert.deepEqual(await query(server.url, "select 1"), [1]);
  });
});

test("data of another major version are refused and left as they are", async () => {
  const file = join(folder, "data/PG_VERSION");
  const own = readFileSync(file, "utf8");
  writeFileSync(file, "17\n");
  await assert.rejects(start(), (error) => error instanceof StartupError && /PostgreSQL 17.*PostgreSQL 18/.test(error.message));
  assert.equal(readFileSync(file, "utf8"), "17\n");
  writeFileSync(file, own);
});

test("a server that cannot start says why in its own words", async () => {
  const control = join(folder, "data/global/pg_control");
  const bytes = readFileSync(control);
  writeFileSync(control, Buffer.alloc(bytes.length));
  await assert.rejects(start(), (error) => error instanceof StartupError && /control file|checksum|incompatible/.test(error.message));
  writeFileSync(control, bytes);
});

test("in a folder with a long name the socket is elsewhere, and is gone afterwards", async () => {
  const long = join(scratch, "x".repeat(100), "y's, z");
  const server = await start({ folder: long, durable: false });
  const sockets = new URL(server.url).searchParams.get("host") as string;
  await whileRunning(server, async () =>
    assert.deepEqual(await query(server.adminUrl, "select current_setting('data_directory')"), [join(long, "data")]),
  );
  assert.ok(!sockets.startsWith(long));
  assert.equal(existsSync(sockets), false);
});

test("a start that is called off leaves no server", async () => {
  const stop = new AbortController();
  const starting = startPostgres(
    { folder: join(scratch, "called-off"), owner, durable: false, say: () => stop.abort(new Error("called off")) },
    stop.signal,
  );
  await assert.rejects(starting, /called off/);
  const pid = Number.parseInt(
    existsSync(join(scratch, "called-off/data/postmaster.pid"))
      ? readFileSync(join(scratch, "called-off/data/postmaster.pid"), "utf8")
      : "0",
    10,
  );
  assert.ok(pid === 0 || (await hasEnded(pid, 5000)));
});

test("a server that takes connections and says nothing keeps nobody waiting who gives up", { timeout: 60_000 }, async () => {
  await whileRunning(await start(), async ({ pid }) => {
    process.kill(pid, "SIGSTOP");
    try {
      const stop = new AbortController();
      const starting = startPostgres({ folder, owner, say: () => stop.abort(new Error("given up")) }, stop.signal);
      await assert.rejects(starting, /given up/);
    } finally {
      process.kill(pid, "SIGCONT");
    }
  });
});
