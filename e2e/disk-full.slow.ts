import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, rm, statfs, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ApiError } from "@farhand/protocol";
import { faultsOf, untilEvent } from "./integrity.ts";
import { makeRepository, script } from "./repository.ts";
import { run, startService } from "./service.ts";

const MiB = 1024 * 1024;

test("the disk runs full: it is said in words, nothing accepted is lost, and it goes on when there is room", {
  timeout: 180_000,
  skip: process.getuid?.() !== 0 && "only root can make a small disk",
}, async () => {
  const home = await mkdtemp(join(tmpdir(), "farhand-small-"));
  assert.equal((await run("mount", ["-t", "tmpfs", "-o", "size=1500m,mode=0755", "tmpfs", home])).code, 0);
  try {
    await using shop = await makeRepository();
    {
      await using service = await startService({ home, keepHome: true });
      await service.client.createEnvironment({ name: "shop", repository: shop.path });
      const before = await service.farhand(["exec", "--env", "shop", "--wait", "-"], script("echo x > x"));
      assert.equal(before.code, 0, before.stderr);

      await fill(home, 0);
      const accepted: string[] = [];
      const refusals: string[] = [];
      for (let i = 0; i < 20 && refusals.length === 0; i++) {
        await service.client.createTask({ environment: "shop", prompt: `${script("echo y > y")}\n${"filler ".repeat(60_000)}` }).then(
          (task) => accepted.push(task.id),
          (error) => refusals.push(error instanceof ApiError ? error.message : String(error)),
        );
      }
      for (const words of refusals) assert.match(words, /disk|database does not answer/, words);
      await empty(home);
      for (const id of accepted) {
        for await (const event of service.client.events(id, { after: 0, signal: AbortSignal.timeout(60_000) })) {
          if (["attempt.succeeded", "attempt.failed"].includes(event.body.type)) break;
        }
        const { status, statusText } = await service.client.task(id);
        assert.ok(status === "ready" || /disk|space|room/i.test(statusText), statusText);
      }
      const after = await service.farhand(["exec", "--env", "shop", "--wait", "-"], script("echo z > z"));
      assert.equal(after.code, 0, after.stdout + after.stderr);
    }
  } finally {
    await run("umount", [home]);
    await rm(home, { recursive: true, force: true });
  }
});

test("a worker's disk runs full: what runs there is cut off and said so, what waits waits, and all goes on when there is room", {
  timeout: 180_000,
  skip: process.getuid?.() !== 0 && "only root can make a small disk",
}, async () => {
  const home = await mkdtemp(join(tmpdir(), "farhand-small-"));
  const elsewhere = await mkdtemp(join(tmpdir(), "farhand-large-"));
  assert.equal((await run("mount", ["-t", "tmpfs", "-o", "size=1500m,mode=0755", "tmpfs", home])).code, 0);
  try {
    await mkdir(join(home, "database"));
    assert.equal((await run("mount", ["--bind", elsewhere, join(home, "database")])).code, 0);
    await using shop = await makeRepository();
    await using service = await startService({ home, keepHome: true });
    const { client } = service;
    const missing = async () => JSON.stringify(await (await fetch(`${service.url}/readyz`)).json());
    await client.createEnvironment({ name: "shop", repository: shop.path, publish: "always" });
    const { id: cutOff } = await client.createTask({ environment: "shop", prompt: script("echo one >> log", "sleep 20; echo two >> log") });
    let calls = 0;
    for await (const { body } of client.events(cutOff, { after: 0, signal: AbortSignal.timeout(60_000) }))
      if (body.type === "tool.started" && ++calls === 2) break;

    await fill(home, 300 * MiB);
    const told = (await untilEvent(client, cutOff, ["run.interrupted"], AbortSignal.timeout(30_000))).at(-1)?.body;
    assert.match(told?.type === "run.interrupted" ? told.detail : "", /the disk of .* is nearly full: \d+ MB are free/);
    const { id: waiting } = await client.createTask({ environment: "shop", prompt: script("echo three >> log") });
    while (!/nearly full/.test(await missing())) await sleep(100);
    for (const id of [cutOff, waiting]) assert.equal((await client.task(id)).statusText, "waiting: no worker takes tasks at the moment");

    await empty(home);
    for (const [id, log] of [
      [cutOff, "one\ntwo"],
      [waiting, "three"],
    ] as const) {
      const events = await untilEvent(client, id, ["publication.published", "attempt.failed"], AbortSignal.timeout(60_000));
      const end = events.at(-1)?.body;
      assert.ok(end?.type === "publication.published", JSON.stringify(end));
      assert.deepEqual(faultsOf(events), []);
      assert.equal((await shop.git("show", `${end.branch}:log`)).trim(), log);
    }
  } finally {
    await run("umount", [join(home, "database")]);
    await run("umount", [home]);
    for (const folder of [home, elsewhere]) await rm(folder, { recursive: true, force: true });
  }
});

/** Writes until so much is free. */
async function fill(folder: string, left: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  for (let bytes = bavail * bsize - left, n = 0; bytes > 0; bytes -= 64 * MiB, n++)
    await writeFile(join(folder, `ballast-${n}`), Buffer.alloc(Math.min(bytes, 64 * MiB))).catch(() => {});
}

async function empty(folder: string): Promise<void> {
  for (const name of await readdir(folder)) if (name.startsWith("ballast-")) await rm(join(folder, name));
}
