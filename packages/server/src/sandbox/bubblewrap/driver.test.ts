import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { chmod, mkdir, open, readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { eventually, hostProcesses } from "../contract.ts";
import { HostFull, SandboxLost, SandboxUnavailable } from "../sandbox.ts";
import { run, TEST_LIMITS, testDriver } from "../testing.ts";
import { findCgroups } from "./cgroup.ts";
import { bubblewrapDriver } from "./driver.ts";

const isRoot = process.geteuid?.() === 0;
const soon = () => AbortSignal.timeout(60_000);

test("a home whose name is strange, behind a directory that nobody else may enter", async () => {
  await using host = await testDriver("farhand a,b:c\\d'e$#\t");
  await chmod(host.home, 0o700);
  const first = await host.create();
  await run(first, "echo kept > a");
  const layer = await host.driver.seal(first, "key");
  await using second = await host.create({ layers: [layer] });
  assert.equal((await run(second, "cat a; id -u; touch b && ls")).stdout, "kept\n1000\na\nb\n");
});

test("a layer cannot change what the next sandbox is made of", async () => {
  await using host = await testDriver();
  const hostile = await host.create();
  const target = join(host.home, "target");
  await mkdir(target, { mode: 0o777 });
  await run(
    hostile,
    `for name in etc usr bin tmp run dev proc .farhand var home; do perl -e 'rename "/$ARGV[0]", "/moved-$ARGV[0]"' $name; rmdir /$name; ln -sn ${target} /$name; done 2>/dev/null
     mv /etc/passwd /etc/old; echo 'agent:x:0:0::/:/bin/sh' > /etc/passwd; rm -f /.farhand/*; mkdir -p /sys/x; echo mine > /workspace/mine`,
  );
  const layer = await host.driver.seal(hostile, "hostile");
  await using next = await host.create({ layers: [layer] });
  const look =
    "cat /workspace/mine; head -n2 /etc/passwd | tail -n1; cat /etc/hostname; id -un; [ -L /usr ] || [ -L /etc ] || [ -L /.farhand ] || echo directories; ls -d /usr/bin/env";
  assert.equal(
    (await run(next, look, { cwd: "/" })).stdout,
    "mine\nagent:x:1000:1000:agent:/home/agent:/bin/sh\nsandbox\nagent\ndirectories\n/usr/bin/env\n",
  );
  assert.deepEqual(await readdir(target), []);
});

test("a layer that keeps its writable directories from the next sandbox harms nobody but that one", async () => {
  await using host = await testDriver();
  const hostile = await host.create();
  await run(hostile, "mkdir -p /workspace/a/b; chmod 0 /workspace/a/b /workspace/a /workspace /home/agent /var/tmp");
  const layer = await host.driver.seal(hostile, "shut");
  await using next = await host.create({ layers: [layer] });
  assert.equal((await run(next, "chmod 755 /workspace && ls /workspace", { cwd: "/" })).stdout, "a\n");
});

test("descriptors that the worker was started with do not reach the sandbox", async () => {
  await using host = await testDriver();
  await writeFile(join(host.home, "secret"), "s");
  await using file = await open(join(host.home, "secret"));
  const look = "for f in /proc/[0-9]*/fd/*; do readlink $f; done; echo; ls /proc/self/fd";
  const worker = host.worker("inherits.1", look, file.fd);
  let text = "";
  worker.stdout.setEncoding("utf8").on("data", (part: string) => {
    text += part;
  });
  await once(worker, "close");
  assert.match(text, /\n0\n1\n2\n3\n$/);
  assert.ok(!text.includes("secret"), text);
});

test("of two seals of one key at once, one wins and both have it", async () => {
  await using host = await testDriver();
  const two = await Promise.all([host.create(), host.create()]);
  await Promise.all(two.map((sandbox, index) => run(sandbox, `echo ${index} > a; echo ${index} > b`)));
  const ids = await Promise.all(two.map((sandbox) => host.driver.seal(sandbox, "same")));
  assert.equal(ids[0], ids[1]);
  await using next = await host.create({ layers: [ids[0] as string] });
  assert.match((await run(next, "cat a b")).stdout, /^(0\n0|1\n1)\n$/);
  assert.deepEqual(await readdir(join(host.home, "trash")), []);
});

test("a worker killed at any moment of a start leaves nothing that a sweep does not take", async () => {
  await using host = await testDriver();
  await (await host.create())[Symbol.asyncDispose](); // the image is made
  const cut = `cut-${randomUUID()}`;
  for (let round = 0; round < 8; round++) {
    const worker = host.worker(`${cut}.${round}`, "echo up; sleep 100");
    const ended = once(worker, "close");
    await Promise.race([until(join(host.home, "sandboxes", `${cut}.${round}`)), ended]);
    await sleep(round * 8); // wherever it is by then
    worker.kill("SIGKILL");
    await ended;
  }
  await host.driver.sweep(new Set());
  assert.deepEqual(await readdir(join(host.home, "sandboxes")), []);
  await eventually(async () => (await hostProcesses(cut)).length === 0); // a `mount` that the killed launcher was at comes to its end by itself
  await assertNoCgroups(cut);
});

async function until(path: string): Promise<void> {
  for (const deadline = Date.now() + 120_000; Date.now() < deadline; await sleep(2)) if (await stat(path).catch(() => null)) return;
  assert.fail(`${path} did not appear`);
}

async function assertNoCgroups(name: string): Promise<void> {
  for (const base of await findCgroups()) {
    const left = await readdir(join(base.directory, "farhand")).catch(() => []);
    assert.deepEqual(
      left.filter((each) => each.includes(name)),
      [],
    );
  }
}

test("what an interrupted creation, seal or removal left is swept away, however it is closed off", async () => {
  await using host = await testDriver();
  await host.driver.sweep(new Set());
  for (const path of ["sandboxes/half.1/upper/a/b", "trash/x/y/z", "sandboxes/half.2", "images/.base-x.0.y", "images/base-former"])
    await mkdir(join(host.home, path), { recursive: true });
  await writeFile(join(host.home, "sandboxes/half.1/record"), '{"version":1,"direc');
  for (const path of ["sandboxes/half.1/upper/a", "trash/x/y"]) await chmod(join(host.home, path), 0);
  await host.driver.sweep(new Set(["half.2"]));
  assert.deepEqual(await readdir(join(host.home, "sandboxes")), ["half.2"]);
  assert.deepEqual(await readdir(join(host.home, "trash")), []);
  await host.driver.sweep(new Set());
  assert.deepEqual(await readdir(join(host.home, "images")), []);
});

test("sweep spares what this worker holds, however old the list of live runs is", async () => {
  await using host = await testDriver();
  const making = host.create();
  await host.driver.sweep(new Set());
  const sandbox = await making;
  await host.driver.sweep(new Set());
  assert.equal((await run(sandbox, "echo kept")).stdout, "kept\n");
});

test("no sandbox is made on a disk that is nearly full", async () => {
  await using host = await testDriver();
  const careful = bubblewrapDriver({ home: host.home, uids: { base: 210_000_000, count: 10 }, diskReserveMb: 1e9 });
  await assert.rejects(
    careful.create(host.spec(), soon()),
    (error) => error instanceof SandboxUnavailable && /nearly full/.test(error.message) && error.cause instanceof HostFull,
  );
  assert.match((await careful.full()) ?? "", /nearly full/);
  assert.equal(await host.driver.full(), null);
});

test("an owner without a user id gets no sandbox", async () => {
  await using host = await testDriver();
  for (const owner of [-1, 1000, 0.5]) await assert.rejects(host.create({ owner }), SandboxUnavailable);
});

test("a sandbox whose files in memory leave none for its agent is lost, and says why", async (t) => {
  await using host = await testDriver();
  if ((await host.driver.limitsNotHeld()).some((line) => line.startsWith("memory:"))) return t.skip("no memory limit on this host");
  await using sandbox = await host.create({ limits: { ...TEST_LIMITS, memoryMb: 100 } });
  const fill = async () => {
    for (;;) await run(sandbox, "head -c 200M /dev/zero > /dev/shm/a$$; head -c 200M /dev/zero > /run/b$$");
  };
  await assert.rejects(fill(), (error) => error instanceof SandboxLost && /ran out of its 100 MB of memory/.test(error.message));
});

test("each owner has a user id of its own", { skip: !isRoot && "one user has one" }, async () => {
  await using host = await testDriver();
  await using sandbox = await host.create({ owner: 7 });
  await run(sandbox, "touch mine");
  const { uid, gid } = await stat(join(host.home, "sandboxes", sandbox.run, "upper/workspace/mine"));
  assert.deepEqual([uid, gid], [210_000_007, 210_000_007]);
});
