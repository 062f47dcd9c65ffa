import assert from "node:assert/strict";
import { closeSync, openSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { isAlive } from "../store/postgres/process-state.ts";
import { type Farhand, partOf, processesOf, startFarhand, temporaryHome, until } from "../testing/farhand.ts";
import { freePort } from "../testing/free-port.ts";
import { whatIsMissing } from "./ready.ts";

const ready = async ({ port }: Farhand) => (await whatIsMissing({ host: "127.0.0.1", port }, AbortSignal.timeout(60_000)))?.length === 0;

/** The server's process; null while it has no pid file, as between the end of one and the start of the next. */
function postmaster(home: string): number | null {
  try {
    return Number.parseInt(readFileSync(join(home, "database/data/postmaster.pid"), "utf8"), 10) || null;
  } catch {
    return null;
  }
}

const part = ({ process, home }: Farhand, role: string) => partOf(process.pid, home, role);

async function running(farhand: Farhand, role: string): Promise<number> {
  return (await part(farhand, role)) ?? assert.fail(`no process plays the role ${role}`);
}

/** A helper that is killed with the process that started it may be seen for a moment longer. */
const untilNothingRuns = (home: string) => until(`nothing of ${home} runs`, async () => (await processesOf(home)).length === 0);

test("start, a second start, each part killed with -9, and stop", async (t) => {
  await using temporary = await temporaryHome();
  const { home } = temporary;
  const farhand = startFarhand(home, await freePort());
  await farhand.ready();
  assert.deepEqual(farhand.output().match(/^Farhand is ready at .*$/gm), [`Farhand is ready at http://127.0.0.1:${farhand.port}`]);
  assert.equal(statSync(join(home, "token")).mode & 0o777, 0o600);

  await t.test("a second start on this home is refused and names the process", async () => {
    const second = startFarhand(home, await freePort());
    assert.equal(await second.exit, 1);
    assert.match(second.output(), new RegExp(`^farhand: ${home} is in use: .* process ${farhand.process.pid}\\.`, "m"));
    assert.doesNotMatch(second.output(), /^ +at /m);
  });

  await t.test("on another home, the port is named, and nothing was started", async () => {
    await using other = await temporaryHome();
    const second = startFarhand(other.home, farhand.port);
    assert.equal(await second.exit, 1);
    assert.match(second.output(), new RegExp(`port ${farhand.port} on 127.0.0.1 is taken`));
    assert.doesNotMatch(second.output(), /PostgreSQL/);
    assert.deepEqual(await processesOf(other.home), []);
  });

  await t.test("the database comes back, with the same processes", async () => {
    const [api, worker, killed] = [await running(farhand, "api"), await running(farhand, "worker"), postmaster(home)];
    process.kill(killed ?? assert.fail("no server"), "SIGKILL");
    await until(
      "another one serves",
      async () => /PostgreSQL ended/.test(farhand.output()) && ![null, killed].includes(postmaster(home)) && ready(farhand),
    );
    assert.deepEqual([await running(farhand, "api"), await running(farhand, "worker")], [api, worker]);
  });

  for (const role of ["api", "worker"]) {
    await t.test(`the ${role} comes back`, async () => {
      const killed = await running(farhand, role);
      process.kill(killed, "SIGKILL");
      await until("another one serves", async () => ![null, killed].includes(await part(farhand, role)) && ready(farhand));
      assert.match(farhand.output(), new RegExp(`The ${role} process ended \\(killed by SIGKILL\\)`));
    });
  }

  if (process.getuid?.() === 0) {
    await t.test("the API has no rights of root", async () => {
      assert.notEqual(statSync(`/proc/${await running(farhand, "api")}`).uid, 0);
    });
  }

  farhand.process.kill("SIGTERM");
  assert.equal(await farhand.exit, 0);
  await untilNothingRuns(home);
  assert.equal(farhand.output().match(/^Farhand is ready/gm)?.length, 1);
});

test("after kill -9 of the supervisor its processes go by themselves, and the next start takes up the database", async () => {
  await using temporary = await temporaryHome();
  const { home } = temporary;
  const port = await freePort();
  const first = startFarhand(home, port);
  await first.ready();
  const database = postmaster(home) ?? assert.fail("no server");
  first.process.kill("SIGKILL");
  const second = startFarhand(home, port);
  await second.ready();
  assert.equal(postmaster(home), database);
  assert.ok(isAlive(database));
  for (const role of ["api", "worker"]) await running(second, role);
  process.kill(-(second.process.pid as number), "SIGINT"); // as Ctrl-C in a terminal does
  process.kill(-(second.process.pid as number), "SIGINT");
  assert.equal(await second.exit, 0);
  await untilNothingRuns(home);
});

test("stopped while it starts, it leaves nothing", async () => {
  await using temporary = await temporaryHome();
  const farhand = startFarhand(temporary.home, await freePort());
  await until("it has begun", async () => farhand.output().includes("Creating the database"));
  farhand.process.kill("SIGTERM");
  assert.equal(await farhand.exit, 0);
  assert.doesNotMatch(farhand.output(), /Farhand is ready/);
  await untilNothingRuns(temporary.home);
});

test("what it says and logs may go to a full disk and to a reader that is gone: it serves on, and stops whole", async () => {
  await using temporary = await temporaryHome();
  const { home } = temporary;
  const full = openSync("/dev/full", "w");
  const farhand = startFarhand(home, await freePort(), {}, full);
  closeSync(full);
  await farhand.ready();
  farhand.process.stdout?.destroy();
  const [api, worker, killed] = [await running(farhand, "api"), await running(farhand, "worker"), postmaster(home)];
  process.kill(killed ?? assert.fail("no server"), "SIGKILL"); // of which all of them have something to say
  await until("another one serves", async () => ![null, killed].includes(postmaster(home)) && ready(farhand));
  assert.deepEqual([await running(farhand, "api"), await running(farhand, "worker")], [api, worker]);
  farhand.process.kill("SIGHUP"); // as from a terminal that is closed
  assert.equal(await farhand.exit, 0);
  await untilNothingRuns(home);
});

test("every faulty setting is named at once, without a stack", async () => {
  await using temporary = await temporaryHome();
  const farhand = startFarhand(temporary.home, 1, { FARHAND_PORT: "many", FARHAND_LOG_LEVEL: "loud" });
  assert.equal(await farhand.exit, 1);
  assert.match(farhand.output(), /^farhand: FARHAND_PORT: .*\nFARHAND_LOG_LEVEL: [^\n]*\n$/);
});

test("a database that does not answer is named, without a stack", async () => {
  await using temporary = await temporaryHome();
  const farhand = startFarhand(temporary.home, await freePort(), {
    DATABASE_URL: `postgres://nobody@127.0.0.1:${await freePort()}/nothing`,
  });
  assert.equal(await farhand.exit, 1);
  assert.match(farhand.output(), /^farhand: the database cannot be used: .*ECONNREFUSED/m);
  assert.doesNotMatch(farhand.output(), /^ +at /m);
});
