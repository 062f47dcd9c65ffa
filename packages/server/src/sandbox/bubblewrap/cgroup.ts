import { access, constants, mkdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Limits } from "@farhand/protocol";

const CONTROLLERS = ["memory", "pids", "cpu"] as const;
type Controller = (typeof CONTROLLERS)[number];

/** Where control groups of ours can be made: a directory that exists, per controller; on version 2 the same one for all. */
export type CgroupBase = { version: 1 | 2; directory: string; controllers: readonly Controller[] };

/** The groups of one sandbox. The launcher enters them by writing its own process id into each of `entries`. */
export type Cgroup = { version: 1 | 2; directories: readonly string[] };

/** The name under which all of our groups hang. */
const PARENT = "farhand";
/** Where our own processes go on version 2, out of the way of `PARENT`. */
const LEAF = "farhand-worker";

/** Processes of ours inside a sandbox: bubblewrap twice, the agent and its threads, a helper or two. Not counted against the limit. */
export const OWN_PROCESSES = 24;
const CPU_PERIOD_US = 100_000;

type Mount = { at: string; root: string; type: string; options: readonly string[] };

/** Reads /proc/self/mountinfo. Exported for its test. */
export function cgroupMounts(mountinfo: string): Mount[] {
  return mountinfo.split("\n").flatMap((line) => {
    const [left = "", right = ""] = line.split(" - ");
    const [, , , root, at] = left.split(" ");
    const [type, , options = ""] = right.split(" ");
    return at && root && (type === "cgroup" || type === "cgroup2") ? [{ at, root, type, options: options.split(",") }] : [];
  });
}

/** This process's group of a hierarchy as a path under its mount, from /proc/self/cgroup. Exported for its test. */
export function ownGroup(selfCgroup: string, mount: Mount, controller: string): string | null {
  for (const line of selfCgroup.split("\n")) {
    const [, names = "", ...rest] = line.split(":");
    const path = rest.join(":");
    const matches = mount.type === "cgroup2" ? names === "" && line.startsWith("0:") : names.split(",").includes(controller);
    if (!matches) continue;
    if (path.startsWith("/..")) return null; // outside of what is mounted here
    if (mount.root === "/") return join(mount.at, path);
    if (path === mount.root || path.startsWith(`${mount.root}/`)) return join(mount.at, path.slice(mount.root.length));
    return mount.at;
  }
  return null;
}

/**
 * Finds where groups can be made, by making one and removing it: below this process's own groups, so that limits which an operator set for
 * the whole service hold for its sandboxes too. A controller that is in no list cannot be held on this host.
 */
export async function findCgroups(): Promise<CgroupBase[]> {
  const mounts = cgroupMounts(await readFile("/proc/self/mountinfo", "utf8"));
  const self = await readFile("/proc/self/cgroup", "utf8");
  const bases: CgroupBase[] = [];
  for (const controller of CONTROLLERS) {
    const mount = mounts.find((each) => each.type === "cgroup" && each.options.includes(controller));
    const directory = mount && ownGroup(self, mount, controller);
    if (directory && (await canMake(directory, limitFile(1, controller)))) bases.push({ version: 1, directory, controllers: [controller] });
  }
  if (bases.length > 0) return bases;
  const unified = mounts.find((mount) => mount.type === "cgroup2");
  const own = unified && ownGroup(self, unified, "");
  if (!own) return [];
  const root = unified.at;
  for (const directory of own === root || process.geteuid?.() !== 0 || own.endsWith(".service") || own.endsWith("/worker")
    ? [own]
    : [own, root]) {
    const base = await delegate(directory.endsWith("/farhand-worker") ? join(directory, "..") : directory);
    if (base !== null) return [base];
  }
  return [];
}

/**
 * Version 2: a group that has processes gives no controllers to groups below it. So all processes of ours in a delegated group go to a
 * leaf first. Left alone where the group is not ours: then it cannot be written, or there are processes of others in it.
 */
async function delegate(directory: string): Promise<CgroupBase | null> {
  const list = async (file: string) => (await readFile(join(directory, file), "utf8").catch(() => "")).split(/\s+/).filter(Boolean);
  const available = await list("cgroup.controllers");
  const controllers = CONTROLLERS.filter((name) => available.includes(name));
  if (controllers.length === 0) return null;
  const enabled = await list("cgroup.subtree_control");
  const toEnable = controllers.filter((name) => !enabled.includes(name)).map((name) => `+${name}`);
  try {
    if (toEnable.length > 0) await enable(directory, toEnable.join(" "), list);
  } catch {
    return null;
  }
  return (await canMake(directory, "cgroup.procs")) ? { version: 2, directory, controllers } : null;
}

async function enable(directory: string, controllers: string, list: (file: string) => Promise<string[]>): Promise<void> {
  const control = join(directory, "cgroup.subtree_control");
  try {
    await writeFile(control, controllers);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EBUSY" || !(await isOurs(directory))) throw error;
    const leaf = join(directory, LEAF);
    await mkdir(leaf, { recursive: true });
    for (const pid of await list("cgroup.procs")) await writeFile(join(leaf, "cgroup.procs"), pid).catch(() => {}); // it has ended
    await writeFile(control, controllers);
  }
}

/** A service or a scope made for one program, or all that a container sees; never a login session or a terminal, whose shell is not ours to move. */
async function isOurs(directory: string): Promise<boolean> {
  if (!/(\.service|\/run-[^/]*\.scope)$/.test(directory) && directory !== (await unifiedRoot())) return false;
  return access(join(directory, "cgroup.procs"), constants.W_OK).then(
    () => true,
    () => false,
  );
}

async function unifiedRoot(): Promise<string | undefined> {
  return cgroupMounts(await readFile("/proc/self/mountinfo", "utf8")).find((mount) => mount.type === "cgroup2")?.at;
}

async function canMake(directory: string, file: string): Promise<boolean> {
  const trial = join(directory, PARENT, `try-${process.pid}-${Math.random().toString(36).slice(2)}`);
  try {
    await mkdir(trial, { recursive: true });
    await access(join(trial, file), constants.W_OK);
    return true;
  } catch {
    return false;
  } finally {
    await rmdir(trial).catch(() => {});
    await rmdir(join(directory, PARENT)).catch(() => {});
  }
}

const limitFile = (version: 1 | 2, controller: Controller): string => {
  if (controller === "memory") return version === 1 ? "memory.limit_in_bytes" : "memory.max";
  if (controller === "pids") return "pids.max";
  return version === 1 ? "cpu.cfs_quota_us" : "cpu.max";
};

/** What is written where to hold `limits`, in this order. `optional`: the kernel may have been built without. */
export function limitWrites(version: 1 | 2, controller: Controller, limits: Limits): { file: string; value: string; optional?: true }[] {
  const bytes = String(limits.memoryMb * 1024 * 1024);
  const quota = String(Math.max(1000, Math.round(limits.cpus * CPU_PERIOD_US)));
  switch (controller) {
    case "memory":
      return version === 1
        ? [
            { file: "memory.limit_in_bytes", value: bytes },
            { file: "memory.memsw.limit_in_bytes", value: bytes, optional: true },
          ]
        : [
            { file: "memory.max", value: bytes },
            { file: "memory.swap.max", value: "0", optional: true },
          ];
    case "pids":
      return [{ file: "pids.max", value: String(limits.processes + OWN_PROCESSES) }];
    case "cpu":
      return version === 1
        ? [
            { file: "cpu.cfs_period_us", value: String(CPU_PERIOD_US) },
            { file: "cpu.cfs_quota_us", value: quota },
          ]
        : [{ file: "cpu.max", value: `${quota} ${CPU_PERIOD_US}` }];
    default:
      return controller satisfies never;
  }
}

/** The groups that a sandbox of this name will have: known before they are made, so that a record of them can come first. */
export function planCgroup(bases: readonly CgroupBase[], name: string): Cgroup | null {
  if (bases[0] === undefined) return null;
  return { version: bases[0].version, directories: bases.map((base) => join(base.directory, PARENT, name)) };
}

/** Makes the groups of one sandbox and sets their limits. On a throw some may be there: `removeCgroup`. */
export async function makeCgroup(bases: readonly CgroupBase[], group: Cgroup, limits: Limits): Promise<void> {
  const make = async (base: CgroupBase, directory: string) => {
    const parent = dirname(directory);
    await makeBelow(parent, directory);
    if (base.version === 2) await writeFile(join(parent, "cgroup.subtree_control"), base.controllers.map((each) => `+${each}`).join(" "));
    for (const { file, value, optional } of base.controllers.flatMap((controller) => limitWrites(base.version, controller, limits))) {
      await writeFile(join(directory, file), value).catch((error) => {
        if (!optional) throw error;
      });
    }
  };
  await Promise.all(bases.map((base, index) => make(base, group.directories[index] as string)));
}

/** Version 2 gives controllers to a group only after its parent has them enabled, so the parent comes first. Another sandbox's end may remove it between. */
async function makeBelow(parent: string, directory: string): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      await mkdir(parent, { recursive: true });
      return await mkdir(directory);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT" || tries >= 20) throw error;
    }
  }
}

/** How often the kernel, out of this group's memory, has killed a process of it. */
export async function outOfMemoryKills(group: Cgroup): Promise<number> {
  for (const directory of group.directories) {
    const text = await readFile(join(directory, group.version === 1 ? "memory.oom_control" : "memory.events"), "utf8").catch(() => "");
    const found = /^oom_kill (\d+)$/m.exec(text);
    if (found) return Number(found[1]);
  }
  return 0;
}

/** Process ids of everything in the group. */
export async function processesOf(group: Cgroup): Promise<number[]> {
  const lists = await Promise.all(group.directories.map((directory) => readFile(join(directory, "cgroup.procs"), "utf8").catch(() => "")));
  return [...new Set(lists.flatMap((list) => list.split("\n").filter(Boolean).map(Number)))];
}

/** Kills all that is in the group until it is empty, and removes it. May be repeated. Throws if something will not die for 20 s. */
export async function removeCgroup(group: Cgroup): Promise<void> {
  const deadline = performance.now() + 20_000;
  for (;;) {
    if (group.version === 2)
      await Promise.all(group.directories.map((directory) => writeFile(join(directory, "cgroup.kill"), "1").catch(() => {})));
    for (const pid of await processesOf(group)) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // ended meanwhile
      }
    }
    const left = await Promise.all(group.directories.map(removeDirectory));
    if (!left.includes(true)) break;
    if (performance.now() > deadline)
      throw new Error(`control group ${group.directories[0]} cannot be removed: a process in it does not end`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  for (const directory of group.directories) await rmdir(dirname(directory)).catch(() => {}); // others are in it
}

async function removeDirectory(directory: string): Promise<boolean> {
  try {
    await rmdir(directory);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ENOENT";
  }
}
