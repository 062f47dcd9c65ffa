import { createHash, randomUUID } from "node:crypto";
import { openSync } from "node:fs";
import { chmod, mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Limits } from "@farhand/protocol";
import { type Door, openDoor } from "../egress/door.ts";
import type { Roads } from "../egress/reach.ts";
import type { LayerId, LayerKey, RunId, Sandbox, SandboxDriver, SandboxSpec } from "../sandbox.ts";
import { HostFull, SandboxLost, SandboxUnavailable } from "../sandbox.ts";
import { type Cgroup, type CgroupBase, findCgroups, makeCgroup, planCgroup, removeCgroup } from "./cgroup.ts";
import { isolationFaults, missingPrograms, wayOut } from "./check.ts";
import { DiskWatch } from "./disk.ts";
import { boundDirectories, hostImage, pruneImages } from "./image.ts";
import { type Launched, launch } from "./launch.ts";
import { allLayers, emptyTrash, exists, keepAsLayer, layerBytes, layerId, layerPath, type Mode, removeTree } from "./layers.ts";
import { killMarked } from "./processes.ts";
import { BubblewrapSandbox } from "./sandbox.ts";
import { seccompFilter } from "./seccomp.ts";
import { slots } from "./slots.ts";

export type BubblewrapOptions = {
  /** An absolute path. The driver keeps `sandboxes`, `layers`, `images`, `runtime` and `trash` in it. One worker at a time. */
  home: string;
  /** Host uids of sandboxes where the worker is root: `owner` n runs as `base + n`. Else everything runs as the worker's own user. */
  uids: { base: number; count: number };
  /** Disk space of the home's file system that sandboxes never get. */
  diskReserveMb?: number;
  /** For tests: other roads than DNS and the internet. */
  roads?: Roads;
};

/** How long a sandbox may take to start, and to show that it is one. */
const START_LIMIT_MS = 30_000;
const AGENT = fileURLToPath(new URL("agent.cjs", import.meta.url));
/** Flags that do not change V8's own, so its compiled start-up code stays valid. */
const NODE_ARGUMENTS = ["--v8-pool-size=0", "--max-old-space-size=128"];
const DOCTOR_LIMITS: Limits = { memoryMb: 256, cpus: 1, processes: 64, diskMb: 64, turnMinutes: 1, required: false };

/** Sandboxes by bubblewrap and the kernel's overlay: namespaces, a system call filter, no capabilities, a uid of their own; as root or as an ordinary user. */
export function bubblewrapDriver(options: BubblewrapOptions): SandboxDriver {
  return new BubblewrapDriver(options);
}

type Prepared = { boundDirectories: string[]; seccompFile: string; cgroups: CgroupBase[]; devNull: number };

class BubblewrapDriver implements SandboxDriver {
  readonly name = "bubblewrap";
  readonly isolation = "namespaces";
  readonly #home: string;
  readonly #id: string;
  readonly #uids: { base: number; count: number };
  readonly #mode: Mode = process.geteuid?.() === 0 ? "root" : "user";
  readonly #disk: DiskWatch;
  readonly #roads: Roads | undefined;
  /** Directory names of sandboxes that this object is making or has made, until they are removed: not for `sweep`. */
  readonly #held = new Set<string>();
  /** More starts at once than processors only make each of them slower. */
  readonly #starts = slots(Math.max(2, availableParallelism() + 1));
  #prepared: Promise<Prepared> | null = null;

  constructor({ home, uids, diskReserveMb = 512, roads }: BubblewrapOptions) {
    this.#home = home;
    this.#id = createHash("sha256").update(home).digest("hex").slice(0, 12);
    this.#uids = uids;
    this.#roads = roads;
    this.#disk = new DiskWatch(home, this.#mode, diskReserveMb);
  }

  async missing(): Promise<string[]> {
    if (process.platform !== "linux") return [`sandboxes need Linux, and this is ${process.platform}`];
    const programs = await missingPrograms();
    if (programs.length > 0) return programs;
    const signal = AbortSignal.timeout(START_LIMIT_MS);
    try {
      await using sandbox = await this.create(
        { run: `doctor-${randomUUID()}`, layers: [], owner: 0, limits: DOCTOR_LIMITS, variables: {} },
        signal,
      );
      return await isolationFaults(sandbox, signal);
    } catch (error) {
      if (signal.aborted) return [`a sandbox did not start within ${START_LIMIT_MS / 1000} s`];
      return [error instanceof Error ? wayOut(error.message) : String(error)];
    }
  }

  full(): Promise<string | null> {
    return this.#disk.full();
  }

  async limitsNotHeld(): Promise<string[]> {
    const { cgroups } = await this.#prepare();
    const held = new Set(cgroups.flatMap((base) => base.controllers));
    if (this.#mode === "user") held.add("pids"); // by RLIMIT_NPROC, which counts within a user namespace
    const words = {
      memory: "memory: no memory control group can be made",
      cpu: "cpus: no cpu control group can be made",
      pids: "processes: no pids control group can be made",
    };
    return (["memory", "cpu", "pids"] as const).filter((name) => !held.has(name)).map((name) => words[name]);
  }

  async create(spec: SandboxSpec, signal: AbortSignal): Promise<Sandbox> {
    signal.throwIfAborted();
    try {
      return await this.#create(spec, signal);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (error instanceof SandboxUnavailable) throw error;
      throw new SandboxUnavailable(error instanceof Error ? error.message : String(error), { cause: error });
    }
  }

  async #create(spec: SandboxSpec, signal: AbortSignal): Promise<Sandbox> {
    if (!Number.isInteger(spec.owner) || spec.owner < 0 || spec.owner >= this.#uids.count) {
      throw new SandboxUnavailable(`owner ${spec.owner} is outside of the ${this.#uids.count} user ids that are set aside for sandboxes`);
    }
    const prepared = await this.#prepare();
    const full = await this.full();
    if (full !== null) throw new SandboxUnavailable(full, { cause: new HostFull(full) });
    const notHeld = spec.limits.required ? await this.limitsNotHeld() : [];
    if (notHeld.length > 0) throw new SandboxUnavailable(`limits are required that this host cannot hold: ${notHeld.join("; ")}`);
    const uid = this.#mode === "root" ? this.#uids.base + spec.owner : (process.getuid?.() ?? 0);
    const layers = await Promise.all(spec.layers.map((id) => layerPath(this.#home, this.#mode, spec.owner, id)));
    const image = await hostImage(this.#home, spec.owner, uid);
    const name = directoryName(spec.run);
    if (this.#held.has(name)) throw new SandboxUnavailable(`run ${spec.run} has a sandbox already`);
    this.#held.add(name);
    try {
      using _slot = await this.#starts.take(signal);
      return await this.#start(spec, prepared, name, uid, [...layers, ...image], signal);
    } catch (error) {
      this.#held.delete(name);
      throw error;
    }
  }

  async #start(spec: SandboxSpec, prepared: Prepared, name: string, uid: number, lower: string[], signal: AbortSignal): Promise<Sandbox> {
    const directory = join("sandboxes", name);
    const absolute = join(this.#home, directory);
    const cgroup = planCgroup(prepared.cgroups, `${this.#id}-${name}`);
    const marker = `farhand-sandbox:${this.#id}:${name}`;
    let unwatch = () => {};
    let launched: Launched | null = null;
    let door: Door | null = null;
    const remove = async () => {
      unwatch();
      await door?.[Symbol.asyncDispose]();
      await removeTree(this.#home, absolute, this.#mode);
      this.#held.delete(name);
    };
    await mkdir(absolute, { mode: 0o700 }).catch((error) => {
      throw error.code === "EEXIST" ? new SandboxUnavailable(`run ${spec.run} has a sandbox already`) : error;
    });
    try {
      // The record comes before what it tells of, so that `sweep` finds everything whenever this process dies.
      await writeFile(join(absolute, "record"), JSON.stringify(cgroup));
      if (cgroup !== null) await makeCgroup(prepared.cgroups, cgroup, spec.limits);
      for (const part of ["work", "upper"]) await mkdir(join(absolute, part));
      await chmod(join(absolute, "upper"), 0o755);
      const { network: rule = { kind: "none" }, watch } = spec;
      const doorPath = rule.kind === "none" ? null : join(absolute, "door");
      if (doorPath !== null) door = await openDoor({ path: doorPath, rule, watch, roads: this.#roads });
      const programs = { node: process.execPath, nodeArguments: NODE_ARGUMENTS, agent: AGENT };
      const machine = { directory, lower, uid, limits: spec.limits, cgroup, marker, door: doorPath };
      launched = await launch({ home: this.#home, mode: this.#mode, ...prepared, ...programs, ...machine });
      const sandbox = new BubblewrapSandbox({ spec, launched, marker, cgroup, door, remove });
      const limit = AbortSignal.timeout(START_LIMIT_MS);
      await sandbox.ready(AbortSignal.any([signal, limit])).catch((error) => {
        throw limit.aborted ? new SandboxUnavailable(`the sandbox did not start within ${START_LIMIT_MS / 1000} s`) : error;
      });
      unwatch = await this.#disk.watch(join(absolute, "upper"), spec.limits.diskMb, (lost) => sandbox.lose(lost));
      return sandbox;
    } catch (error) {
      await launched?.kill();
      await launched?.ended;
      if (cgroup !== null) await removeCgroup(cgroup);
      await killMarked(marker);
      await remove();
      throw error;
    }
  }

  async seal(sandbox: Sandbox, key: LayerKey): Promise<LayerId> {
    if (!(sandbox instanceof BubblewrapSandbox)) throw new TypeError("not a sandbox of this driver");
    if (sandbox.lost.aborted) throw sandbox.lost.reason;
    const id = layerId(this.#mode, sandbox.owner, key);
    const upper = join(this.#home, "sandboxes", directoryName(sandbox.run), "upper");
    await sandbox.end(new SandboxLost("the sandbox was sealed"), () => keepAsLayer(this.#home, upper, id, this.#mode));
    return id;
  }

  async layer(key: LayerKey, owner: number): Promise<LayerId | null> {
    const id = layerId(this.#mode, owner, key);
    return (await exists(join(this.#home, "layers", id))) ? id : null;
  }

  layers(): Promise<LayerId[]> {
    return allLayers(this.#home, this.#mode);
  }

  async removeLayer(layer: LayerId): Promise<void> {
    await removeTree(this.#home, join(this.#home, "layers", layer), this.#mode);
  }

  async layerBytes(layer: LayerId): Promise<number | null> {
    return layerBytes(this.#home, layer, this.#mode);
  }

  async sweep(live: ReadonlySet<RunId>): Promise<void> {
    await this.#prepare();
    const kept = new Set([...live].map(directoryName));
    for (const name of await readdir(join(this.#home, "sandboxes"))) {
      if (kept.has(name) || this.#held.has(name)) continue;
      const directory = join(this.#home, "sandboxes", name);
      const cgroup = recordedCgroup(await readFile(join(directory, "record"), "utf8").catch(() => ""));
      await killMarked(`farhand-sandbox:${this.#id}:${name}`);
      if (cgroup !== null) await removeCgroup(cgroup);
      await removeTree(this.#home, directory, this.#mode);
    }
    await emptyTrash(this.#home, this.#mode);
    if (this.#held.size === 0 && (await readdir(join(this.#home, "sandboxes"))).length === 0) await pruneImages(this.#home, this.#mode);
  }

  #prepare(): Promise<Prepared> {
    this.#prepared ??= prepare(this.#home).catch((error) => {
      this.#prepared = null; // the next try may have more luck
      throw error;
    });
    return this.#prepared;
  }
}

async function prepare(home: string): Promise<Prepared> {
  for (const name of ["sandboxes", "layers", "images", "runtime", "trash"]) await mkdir(join(home, name), { recursive: true, mode: 0o700 });
  const filter = seccompFilter();
  const seccompFile = join("runtime", `seccomp-${createHash("sha256").update(filter).digest("hex").slice(0, 16)}`);
  const making = join(home, `${seccompFile}.${randomUUID()}`);
  await writeFile(making, filter);
  await rename(making, join(home, seccompFile));
  const devNull = openSync("/dev/null", "r+"); // as long as this process lives
  return { boundDirectories: await boundDirectories(), seccompFile, cgroups: await findCgroups(), devNull };
}

/** Any run id becomes a safe name. */
function directoryName(run: RunId): string {
  return /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(run) ? run : `=${createHash("sha256").update(run).digest("hex").slice(0, 40)}`;
}

function recordedCgroup(text: string): Cgroup | null {
  try {
    return JSON.parse(text);
  } catch {
    return null; // cut off, so nothing else had been made
  }
}
