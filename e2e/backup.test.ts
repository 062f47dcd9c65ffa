import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { type Gate, makeGate } from "./gate.ts";
import { makeRepository, script } from "./repository.ts";
import { run, type Service, startService } from "./service.ts";

const program = fileURLToPath(new URL("../packages/server/src/backup/main.ts", import.meta.url));

function farhand(home: string, ...args: string[]) {
  return run(process.execPath, [program, ...args], { PATH: process.env.PATH, FARHAND_HOME: home });
}

async function said(home: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await farhand(home, ...args);
  assert.equal(code, 0, stdout + stderr);
  return stdout;
}

/** Its exit code, where whoever reads what it says has gone. */
async function unread(home: string, ...args: string[]): Promise<number | null> {
  const env = { PATH: process.env.PATH, FARHAND_HOME: home };
  const child = spawn(process.execPath, [program, ...args], { env, stdio: ["ignore", "pipe", "inherit"] });
  child.stdout.destroy();
  await once(child, "close");
  return child.exitCode;
}

const until = async (service: Service, task: string, type: string) => {
  const types: string[] = [];
  for await (const { body } of service.client.events(task, { after: 0, signal: AbortSignal.timeout(240_000) })) {
    types.push(body.type);
    if (body.type === type) return types;
  }
  return assert.fail(`no ${type} came: ${types}`);
};

test("a service is backed up while tasks run, and goes on elsewhere: tasks end well, and secrets open", { timeout: 300_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), "farhand-e2e-backup-"));
  await chmod(folder, 0o711); // under root, the database runs as another user
  await using _remove = { [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
  const file = join(folder, "backup");
  await using shop = await makeRepository();
  const ids: string[] = [];
  const gates: Gate[] = [];
  let home: string;
  {
    await using first = await startService();
    home = first.home;
    await writeFile(join(folder, "setup"), 'test "$TOKEN" = s3cret');
    await first.said(["env", "create", "shop", "--repo", shop.path, "--setup", join(folder, "setup"), "--secret", "TOKEN"], "s3cret");
    const finished = await first.client.createTask({ environment: "shop", prompt: script("echo done > done") });
    await until(first, finished.id, "attempt.succeeded");
    for (let number = 0; number < 3; number++) {
      const gate = makeGate();
      gates.push(gate);
      const prompt = script(`echo ${number} > file`, `echo begun; ${gate.command}`, "echo over");
      ids.push((await first.client.createTask({ environment: "shop", prompt })).id);
    }
    for (const id of ids) await until(first, id, "tool.output");
    const told = await said(first.home, "backup", file);
    assert.match(told, /task: 4 rows/);
    assert.match(told, /Keep it as you would keep a key/);
    assert.match((await farhand(first.home, "restore", file)).stderr, /is in use: Farhand already runs there/);
    ids.unshift(finished.id);
  }
  await assert.rejects(stat(home), { code: "ENOENT" }, "the first service is gone, disk and all");

  const restored = join(folder, "home");
  const told = await said(restored, "restore", file);
  assert.match(told, /what ran at the time of the backup runs again/);
  assert.match((await farhand(restored, "restore", file)).stderr, /database is not empty/);

  await using second = await startService({ home: restored, keepHome: true });
  for (const gate of gates) await gate.open();
  for (const [number, id] of ids.entries()) {
    const types = await until(second, id, "attempt.succeeded");
    assert.equal(types.filter((type) => type === "run.interrupted").length, number === 0 ? 0 : 1, "only what ran is run again");
  }
  const patch = await second.said(["diff", ids[0] ?? ""]);
  assert.match(patch, /\+done/);
  const published = await second.farhand(["pr", ids[1] ?? ""]);
  assert.equal(published.code, 0, published.stderr);

  // From cold, into a third home.
  assert.equal(await second.stop(), 0, second.printed());
  const cold = join(folder, "cold");
  assert.equal(await unread(restored, "backup", cold), 0);
  await said(join(folder, "third"), "restore", cold);
  await using third = await startService({ home: join(folder, "third"), keepHome: true });
  assert.deepEqual(
    (await third.client.tasks()).tasks.map(({ id, status }) => [id, status]).sort(),
    ids.map((id, number) => [id, number === 1 ? "published" : "ready"]).sort(),
  );
  assert.equal((await third.farhand(["env", "show", "shop"])).code, 0);
});
