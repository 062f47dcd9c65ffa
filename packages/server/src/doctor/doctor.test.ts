import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, readdir, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import type { HostCheck } from "@farhand/protocol";
import { judgeNight, judgeWorkerDisk } from "../store/host-checks.ts";
import { processesOf, temporaryHome, until } from "../testing/farhand.ts";
import { freePort } from "../testing/free-port.ts";
import { reportOf } from "./check.ts";
import { checkNode, judgeDisk, judgeGit } from "./host.ts";

const program = fileURLToPath(new URL("main.ts", import.meta.url));

async function doctor(variables: Record<string, string>, ...args: string[]): Promise<{ code: number; stdout: string }> {
  const started = spawn(process.execPath, [program, ...args], {
    env: { ...process.env, ...variables },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let stdout = "";
  started.stdout.on("data", (bytes) => (stdout += bytes));
  const [code] = await once(started, "close");
  return { code, stdout };
}

test("versions and room are judged by what is needed", () => {
  assert.equal(checkNode("24.0.0").state, "ok");
  assert.equal(checkNode("22.21.0").state, "failed");
  assert.equal(judgeGit("git version 2.39.5").state, "ok");
  assert.equal(judgeGit("git version 3.0.1").state, "ok");
  assert.equal(judgeGit("git version 2.30.2").state, "failed");
  assert.equal(judgeGit("something else").state, "failed");
  assert.deepEqual(
    [0.5, 2, 50].map((gib) => judgeDisk(gib * 1024 ** 3, "/x").state),
    ["failed", "warning", "ok"],
  );
});

test("a worker's disk and the nightly clean-up are judged by what was told of them", () => {
  const disk = (freeBytes: number) => ({
    at: "2026-11-22T03:00:00Z",
    home: "/x",
    totalBytes: 100 * 1024 ** 3,
    freeBytes,
    bytes: { mirrors: 3 * 1024 ** 3 },
  });
  const [wide, narrow] = [judgeWorkerDisk("one", disk(20 * 1024 ** 3)), judgeWorkerDisk("one", disk(9 * 1024 ** 3))];
  assert.deepEqual([wide.state, narrow.state], ["ok", "warning"]);
  assert.equal(wide.detail, "mirrors 3.0 GiB, 20.0 GiB of 100.0 GiB free (/x, 2026-11-22 03:00)");
  const now = Date.parse("2026-11-22T12:00:00Z");
  const night = (at: string | null) => judgeNight({ finished_at: at === null ? null : new Date(at), detail: "3 outputs (2 MiB)" }, now);
  assert.deepEqual([judgeNight(null, now).state, night(null).state, night("2026-11-22T03:00:00Z").state], ["ok", "ok", "ok"]);
  assert.equal(night("2026-11-18T03:00:00Z").state, "warning");
});

test("the report says what to do about each failure, and counts them", () => {
  const checks: HostCheck[] = [
    { name: "git", state: "ok", detail: "2.39" },
    { name: "sandbox", state: "failed", detail: "no bwrap\nno overlay", remedy: "Install it." },
  ];
  assert.match(reportOf(checks), /^ok +git +2\.39\nfailed +sandbox +no bwrap\n +no overlay\n +Install it\.\n\n1 of 2 checks failed\.$/);
});

test("everything is tried for real before the first start, and nothing is left behind", async () => {
  await using temporary = await temporaryHome();
  const { code, stdout } = await doctor({ FARHAND_HOME: temporary.home, FARHAND_PORT: String(await freePort()) }, "--json");
  const { ok, checks } = JSON.parse(stdout) as { ok: boolean; checks: HostCheck[] };
  assert.deepEqual(
    checks.map(({ name }) => name),
    ["node", "git", "home", "disk", "service", "database", "sandbox bubblewrap"],
  );
  assert.equal(code, ok ? 0 : 1);
  assert.equal(checks.find(({ name }) => name === "database")?.state, "ok", stdout);
  assert.deepEqual(await readdir(dirname(temporary.home)), []);
  await until("nothing runs there", async () => (await processesOf(dirname(temporary.home))).length === 0);
});

test("interrupted while it tries the database, it leaves nothing behind", async () => {
  await using temporary = await temporaryHome();
  const folder = dirname(temporary.home);
  const variables = { ...process.env, FARHAND_HOME: temporary.home, FARHAND_PORT: String(await freePort()) };
  const started = spawn(process.execPath, [program], { env: variables, stdio: "inherit" });
  const ended = once(started, "close");
  await until("its server starts", async () =>
    (await readdir(folder, { recursive: true }).catch(() => [])).some((path) => path.endsWith("postmaster.pid")),
  );
  started.kill("SIGINT");
  assert.deepEqual(await ended, [130, null]);
  assert.deepEqual(await readdir(folder), []);
  await until("nothing runs there", async () => (await processesOf(folder)).length === 0);
});

test("a token that others can read, a port of another program and a database that does not answer fail, each by name", async () => {
  await using temporary = await temporaryHome();
  await mkdir(temporary.home);
  await writeFile(join(temporary.home, "token"), "secret\n");
  await chmod(join(temporary.home, "token"), 0o644);
  const other = createServer((socket) => socket.destroy()).listen(0, "127.0.0.1");
  await once(other, "listening");
  const { port } = other.address() as { port: number };
  const url = `postgres://nobody@127.0.0.1:${await freePort()}/nothing`;
  const { code, stdout } = await doctor({ FARHAND_HOME: temporary.home, FARHAND_PORT: String(port), DATABASE_URL: url });
  other.close();
  assert.equal(code, 1);
  assert.match(stdout, /^failed +home .*token can be read by others\n +Give the command: chmod 600/m);
  assert.match(stdout, new RegExp(`^failed +service .*port ${port} on 127.0.0.1 is taken`, "m"));
  assert.match(stdout, /^failed +database .*ECONNREFUSED/m);
  assert.doesNotMatch(stdout, /secret/);
});

test("faulty settings are a failed check", async () => {
  const { code, stdout } = await doctor({ FARHAND_PORT: "many" });
  assert.equal(code, 1);
  assert.match(stdout, /^failed +settings +FARHAND_PORT/);
});
