import { createHash } from "node:crypto";
import { chmod, mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Command, Execution, LayerId, LayerKey, RunId, Sandbox, SandboxDriver, SandboxSpec } from "../sandbox.ts";
import { SandboxLost, SandboxUnavailable } from "../sandbox.ts";
import { type Cgroup, type CgroupBase, findCgroups, makeCgroup, outOfMemoryKills, removeCgroup } from "./cgroup.ts";
import { openChannel } from "./channel.ts";
import { boundDirectories, hostImage } from "./image.ts";
import { type Launched, launch } from "./launch.ts";
import { emptyTrash, exists, keepAsLayer, layerId, layerPath, type Mode, removeTree } from "./layers.ts";
import { seccompFilter } from "./seccomp.ts";

export type BubblewrapOptions = {
  /** The driver keeps `sandboxes`, `layers`, `images`, `runtime` and `trash` in it. One worker at a time. */
  home: string;
  /** Host uids of sandboxes where the worker is root: `owner` n runs as `base + n`. Else everything runs as the worker's own user. */
  uids: { base: number; count: number };
};

/** How long a sandbox may take to start. */
const START_LIMIT_MS = 30_000;
const AGENT = fileURLToPath(new URL("agent.cjs", import.meta.url));
const PATH = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin:/.farhand";
const BASE_VARIABLES = { PATH, HOME: "/home/agent", USER: "agent", LANG: "C.UTF-8", TMPDIR: "/tmp" };

/** Sandboxes by bubblewrap and the kernel's overlay: namespaces, a system call filter, no capabilities, a uid of their own; as root or as an ordinary user. */
export function bubblewrapDriver(options: BubblewrapOptions): SandboxDriver {
  return new BubblewrapDriver(options);
}

class BubblewrapDriver implements SandboxDriver {
  readonly name = "bubblewrap";
  readonly isolation = "namespaces";
  readonly #home: string;
  readonly #uids: { base: number; count: number };
  readonly #mode: Mode = process.geteuid?.() === 0 ? "root" : "user";
  readonly #sandboxes = new Map<RunId, BubblewrapSandbox>();
  #prepared: Promise<Prepared> | null = null;

  constructor({ home, uids }: BubblewrapOptions) {
    this.#home = home;
    this.#uids = uids;
  }

  async missing(): Promise<string[]> {
    return [];
  }

  async limitsNotHeld(): Promise<string[]> {
    return [];
  }

  async create(spec: SandboxSpec, signal: AbortSignal): Promise<Sandbox> {
    signal.throwIfAborted();
    const prepared = await this.#prepare();
    const home = this.#home;
    if (!Number.isInteger(spec.owner) || spec.owner < 0 || spec.owner >= this.#uids.count) {
      throw new SandboxUnavailable(`owner ${spec.owner} is outside of the ${this.#uids.count} user ids that are set aside for sandboxes`);
    }
    const uid = this.#mode === "root" ? this.#uids.base + spec.owner : (process.getuid?.() ?? 0);
    const layers = await Promise.all(spec.layers.map((id) => layerPath(home, this.#mode, spec.owner, id)));
    const image = await hostImage(home, spec.owner, uid);
    const name = directoryName(spec.run);
    const directory = join("sandboxes", name);
    const cgroup = prepared.cgroups.length > 0 ? await makeCgroup(prepared.cgroups, `${prepared.id}-${name}`, spec.limits) : null;
    const absolute = join(home, directory);
    try {
      await mkdir(absolute, { mode: 0o700 });
    } catch (error) {
      if (cgroup) await removeCgroup(cgroup);
      throw new SandboxUnavailable(`run ${spec.run} has a sandbox already`, { cause: error });
    }
    let launched: Launched | null = null;
    const undo = async () => {
      await launched?.kill();
      await launched?.ended;
      if (cgroup) await removeCgroup(cgroup);
      await removeTree(home, absolute, this.#mode);
    };
    try {
      await writeFile(join(absolute, "record"), JSON.stringify({ run: spec.run, cgroup }));
      await mkdir(join(absolute, "work"));
      await mkdir(join(absolute, "upper"));
      await chmod(join(absolute, "upper"), 0o755);
      launched = launch({
        home,
        mode: this.#mode,
        marker: `farhand-sandbox:${prepared.id}:${name}`,
        lower: [...layers, ...image],
        directory,
        uid,
        limits: spec.limits,
        cgroup,
        boundDirectories: prepared.bound,
        seccompFile: prepared.seccompFile,
        node: process.execPath,
        nodeArguments: ["--v8-pool-size=0", "--max-old-space-size=128"],
        agent: AGENT,
      });
      const sandbox = new BubblewrapSandbox(spec, launched, cgroup, absolute, async () => {
        this.#sandboxes.delete(spec.run);
        await undo();
      });
      await sandbox.ready(AbortSignal.any([signal, AbortSignal.timeout(START_LIMIT_MS)]));
      this.#sandboxes.set(spec.run, sandbox);
      return sandbox;
    } catch (error) {
      await undo();
      if (signal.aborted) throw signal.reason;
      if (error instanceof SandboxUnavailable) throw error;
      throw new SandboxUnavailable(error instanceof Error ? error.message : String(error), { cause: error });
    }
  }

  async seal(sandbox: Sandbox, key: LayerKey): Promise<LayerId> {
    if (!(sandbox instanceof BubblewrapSandbox)) throw new TypeError("not a sandbox of this driver");
    const id = layerId(this.#mode, sandbox.owner, key);
    await sandbox.end(new SandboxLost("the sandbox was sealed"), (directory) =>
      keepAsLayer(this.#home, join(directory, "upper"), id, this.#mode),
    );
    return id;
  }

  async layer(key: LayerKey, owner: number): Promise<LayerId | null> {
    const id = layerId(this.#mode, owner, key);
    return (await exists(join(this.#home, "layers", id))) ? id : null;
  }

  async sweep(live: ReadonlySet<RunId>): Promise<void> {
    const prepared = await this.#prepare();
    for (const [run, sandbox] of this.#sandboxes) {
      if (!live.has(run)) await sandbox.end(new SandboxLost("no live run has this sandbox"));
    }
    const kept = new Set([...live].map(directoryName));
    const dead = (await readdir(join(this.#home, "sandboxes"))).filter((name) => !kept.has(name));
    for (const name of dead) {
      const directory = join(this.#home, "sandboxes", name);
      await killMarked(`farhand-sandbox:${prepared.id}:${name}`);
      const record = JSON.parse(await readFile(join(directory, "record"), "utf8").catch(() => "{}"));
      if (record.cgroup) await removeCgroup(record.cgroup as Cgroup);
      await removeTree(this.#home, directory, this.#mode);
    }
    await emptyTrash(this.#home, this.#mode);
  }

  #prepare(): Promise<Prepared> {
    this.#prepared ??= prepare(this.#home).catch((error) => {
      this.#prepared = null;
      throw error instanceof SandboxUnavailable ? error : new SandboxUnavailable(error instanceof Error ? error.message : String(error));
    });
    return this.#prepared;
  }
}

type Prepared = { id: string; bound: string[]; seccompFile: string; cgroups: CgroupBase[] };

async function prepare(home: string): Promise<Prepared> {
  for (const name of ["sandboxes", "layers", "images", "runtime", "trash"]) await mkdir(join(home, name), { recursive: true, mode: 0o700 });
  const filter = seccompFilter();
  const seccompFile = join("runtime", `seccomp-${createHash("sha256").update(filter).digest("hex").slice(0, 16)}`);
  const making = `${join(home, seccompFile)}.${process.pid}`;
  await writeFile(making, filter);
  await rename(making, join(home, seccompFile));
  const id = createHash("sha256").update(home).digest("hex").slice(0, 12);
  return { id, bound: await boundDirectories(), seccompFile, cgroups: await findCgroups() };
}

/** A run's directory; any run id becomes a safe name. */
function directoryName(run: RunId): string {
  return /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(run) ? run : `x${createHash("sha256").update(run).digest("hex").slice(0, 40)}`;
}

/** Kills every process whose command line has this argument, until there is none. */
async function killMarked(marker: string): Promise<void> {
  for (let tries = 0; tries < 2000; tries++) {
    const found: number[] = [];
    for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
      const line = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
      if (line.split("\0").includes(marker)) found.push(Number(pid));
    }
    if (found.length === 0) return;
    for (const pid of found) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // ended meanwhile
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`processes of ${marker} do not end`);
}

class BubblewrapSandbox implements Sandbox {
  readonly run: RunId;
  readonly owner: number;
  readonly lost: AbortSignal;
  readonly #lost = new AbortController();
  readonly #variables: Readonly<Record<string, string>>;
  readonly #launched: Launched;
  readonly #cgroup: Cgroup | null;
  readonly #directory: string;
  readonly #remove: () => Promise<void>;
  readonly #channel: ReturnType<typeof openChannel>;
  readonly #greeting = Promise.withResolvers<void>();
  #ending: Promise<void> | null = null;

  constructor(spec: SandboxSpec, launched: Launched, cgroup: Cgroup | null, directory: string, remove: () => Promise<void>) {
    this.run = spec.run;
    this.owner = spec.owner;
    this.lost = this.#lost.signal;
    this.#variables = { ...BASE_VARIABLES, ...spec.variables };
    this.#launched = launched;
    this.#cgroup = cgroup;
    this.#directory = directory;
    this.#remove = remove;
    this.#greeting.promise.catch(() => {});
    this.#channel = openChannel(
      launched.fromAgent,
      launched.toAgent,
      () => this.#greeting.resolve(),
      (reason) => this.#lose(reason),
    );
    void launched.ended.then(async ({ code, signal }) => {
      const reason = await this.#whyEnded(code, signal);
      this.#greeting.reject(new SandboxUnavailable(reason));
      this.#lose(new SandboxLost(reason));
    });
  }

  /** Resolves when the agent has reported. Throws SandboxUnavailable, or the signal's reason. */
  async ready(signal: AbortSignal): Promise<void> {
    const stop = () => this.#greeting.reject(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
    await this.#greeting.promise.finally(() => signal.removeEventListener("abort", stop));
  }

  exec(command: Command, signal: AbortSignal): Execution {
    return this.#channel.exec(command, { ...this.#variables, ...command.variables }, signal);
  }

  /** Kills all, waits until it has ended and is unmounted, hands the directory to `keep`, removes the rest. The first call counts. */
  end(reason: SandboxLost, keep?: (directory: string) => Promise<void>): Promise<void> {
    this.#ending ??= (async () => {
      this.#lose(reason);
      await this.#launched.kill();
      await this.#launched.ended;
      if (this.#cgroup) await removeCgroup(this.#cgroup);
      try {
        await keep?.(this.#directory);
      } finally {
        await this.#remove();
      }
    })();
    return this.#ending;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.end(new SandboxLost("the sandbox was disposed"));
  }

  #lose(reason: SandboxLost): void {
    if (this.#lost.signal.aborted) return;
    this.#lost.abort(reason);
    this.#channel.lose(reason);
    void this.#launched.kill();
  }

  async #whyEnded(code: number | null, signal: string | null): Promise<string> {
    if (this.#cgroup && (await outOfMemoryKills(this.#cgroup)) > 0) return "the sandbox ran out of memory";
    return `the sandbox ended by itself (${signal ?? `exit code ${code}`}) ${this.#launched.complaints()}`.trim();
  }
}
