import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { access, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { cgroupMounts, limitWrites, ownGroup, processesOf, removeCgroup } from "./cgroup.ts";

const LIMITS = { memoryMb: 100, cpus: 0.5, processes: 50, diskMb: 100, turnMinutes: 1, required: false };

test("the own group is found in hybrid, unified and container hierarchies", () => {
  const hybrid = cgroupMounts(
    "30 29 0:26 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n31 29 0:27 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n32 29 0:28 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
  );
  const self = "9:cpu,cpuacct:/a\n4:memory:/b/c:d\n0::/e\n";
  assert.deepEqual(
    [ownGroup(self, hybrid[0] as never, "memory"), ownGroup(self, hybrid[1] as never, "cpu"), ownGroup(self, hybrid[2] as never, "")],
    ["/sys/fs/cgroup/memory/b/c:d", "/sys/fs/cgroup/cpu,cpuacct/a", "/sys/fs/cgroup/unified/e"],
  );
  assert.equal(ownGroup(self, hybrid[0] as never, "pids"), null);
  const [container] = cgroupMounts("30 29 0:26 /docker/x /sys/fs/cgroup ro - cgroup2 cgroup rw\n");
  assert.equal(ownGroup("0::/docker/x/y\n", container as never, ""), "/sys/fs/cgroup/y");
  assert.equal(ownGroup("0::/../z\n", container as never, ""), null);
});

test("limits in both versions' words", () => {
  assert.deepEqual(limitWrites(2, "memory", LIMITS)[0], { file: "memory.max", value: "104857600" });
  assert.deepEqual(limitWrites(1, "memory", LIMITS)[0], { file: "memory.limit_in_bytes", value: "104857600" });
  assert.deepEqual(limitWrites(2, "cpu", LIMITS), [{ file: "cpu.max", value: "50000 100000" }]);
  assert.deepEqual(limitWrites(1, "cpu", LIMITS)[1], { file: "cpu.cfs_quota_us", value: "50000" });
  assert.deepEqual(limitWrites(2, "pids", LIMITS), [{ file: "pids.max", value: "74" }]);
});

test("a group of version 2 is killed whole and removed", async (t) => {
  const unified = cgroupMounts(await readFile("/proc/self/mountinfo", "utf8")).find((mount) => mount.type === "cgroup2");
  const directory = unified && join(unified.at, `farhand-test-${process.pid}`, "group");
  const made = directory && (await mkdir(directory, { recursive: true }).catch(() => null));
  if (!directory || !made) return t.skip("no control group of version 2 can be made here");
  const group = { version: 2 as const, directories: [directory] };
  const child = spawn("sh", ["-c", "sleep 100 & sleep 100 & wait"], { stdio: "ignore" });
  await writeFile(join(directory, "cgroup.procs"), String(child.pid));
  assert.ok((await processesOf(group)).includes(child.pid as number));
  await removeCgroup(group);
  await removeCgroup(group);
  if (child.signalCode === null) await once(child, "exit");
  assert.equal(child.signalCode, "SIGKILL");
  await assert.rejects(access(directory), { code: "ENOENT" });
});
