import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { missingPrograms, wayOut } from "./check.ts";
import { mayBeOver } from "./disk.ts";
import { mountTable } from "./launch.ts";
import { layerId } from "./layers.ts";
import { slots } from "./slots.ts";

test("a sandbox is measured when all that left the disk could be its own and too much", () => {
  const watched = { used: 50 * 2 ** 20, freeThen: 1000 * 2 ** 20, limitMb: 64 };
  assert.equal(mayBeOver(watched, 990 * 2 ** 20), false);
  assert.equal(mayBeOver(watched, 980 * 2 ** 20), true);
  assert.equal(mayBeOver(watched, 2000 * 2 ** 20), false);
});

test("a missing program is named with its package", async () => {
  assert.deepEqual(await missingPrograms(), []);
  assert.ok((await missingPrograms("/nowhere")).includes("the program bwrap is missing: apt install bubblewrap"));
});

test("a refused namespace comes with the settings that allow it", () => {
  assert.match(wayOut("bwrap: No permissions to create new namespace"), /kernel\.apparmor_restrict_unprivileged_userns/);
  assert.match(wayOut("mount: /mnt: wrong fs type, bad option, bad superblock on farhand"), /FARHAND_HOME must lie on/);
  assert.equal(wayOut("something else"), "something else");
});

test("layers of another mode, owner or key are elsewhere", () => {
  const ids = [layerId("root", 1, "a"), layerId("user", 1, "a"), layerId("root", 2, "a"), layerId("root", 1, "b")];
  assert.equal(new Set(ids).size, 4);
  assert.equal(layerId("root", 1, "a"), ids[0]);
});

test("paths with spaces and signs survive the mount table", () => {
  const limits = { memoryMb: 100, cpus: 1, processes: 50, diskMb: 100, turnMinutes: 1, required: false };
  const table = mountTable({
    lower: ["a", "b"],
    directory: "sandboxes/x",
    mode: "root",
    node: "/opt/my node\\#1",
    agent: "/a\tb",
    door: null,
    limits,
  });
  assert.match(table, /^farhand \/mnt overlay lowerdir=a:b,upperdir=sandboxes\/x\/upper,workdir=sandboxes\/x\/work,volatile/);
  assert.match(table, /^\/opt\/my\\040node\\134\\0431 \/mnt\/\.farhand\/node none bind 0 0$/m);
  assert.match(table, /^\/a\\011b \/mnt\/\.farhand\/agent none bind 0 0$/m);
  assert.match(table, /tmpfs size=50m/);
});

test("where no descriptors are left, each program that cannot be started is an error to who started it, and ends nothing", (t) => {
  const home = mkdtempSync(join(tmpdir(), "farhand-descriptors-"));
  t.after(() => rmSync(home, { recursive: true }));
  const script = `
    import { closeSync, openSync } from "node:fs";
    import { runGit } from ${JSON.stringify(import.meta.resolve("../../forge/git/host-git.ts"))};
    import { command } from ${JSON.stringify(import.meta.resolve("./command.ts"))};
    import { launch } from ${JSON.stringify(import.meta.resolve("./launch.ts"))};
    const files = { home: ${JSON.stringify(home)}, directory: ".", lower: [], boundDirectories: [], seccompFile: "", node: "", agent: "", door: null };
    const spec = { ...files, mode: "user", limits: {}, nodeArguments: [] };
    const open = [openSync("/dev/null", "r+")];
    await command("true", []);
    try {
      for (;;) open.push(openSync("/dev/null"));
    } catch {}
    for (const fd of open.splice(-3)) closeSync(fd);
    const said = [];
    const git = () => runGit({ gitDir: null, args: ["version"] }, AbortSignal.timeout(10_000));
    for (const start of [() => command("true", []), () => launch({ ...spec, devNull: open[0] }), git])
      said.push(await start().then(() => "started", (error) => error.message));
    console.log(said.join("\\n"));
  `;
  const run = spawnSync("prlimit", ["--nofile=64:64", process.execPath, "--input-type=module", "--eval", script], { encoding: "utf8" });
  assert.equal(run.status, 0, run.stderr);
  const said = run.stdout.trim().split("\n");
  assert.equal(said.length, 3);
  for (const words of said) assert.match(words, /EMFILE/);
});

test("slots: first come, first served; one that gives up keeps nobody waiting", async () => {
  const limited = slots(1);
  const never = new AbortController().signal;
  const order: string[] = [];
  const first = await limited.take(never);
  const abort = new AbortController();
  const second = limited.take(abort.signal).then(() => order.push("second"));
  const third = limited.take(never);
  abort.abort(new Error("given up"));
  await assert.rejects(second, /given up/);
  first[Symbol.dispose]();
  (await third)[Symbol.dispose]();
  await limited.take(never);
  assert.deepEqual(order, []);
});
