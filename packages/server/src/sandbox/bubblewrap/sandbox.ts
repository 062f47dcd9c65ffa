import type { Door } from "../egress/door.ts";
import { PROXY_VARIABLES } from "../egress/variables.ts";
import type { Command, Execution, NetworkWatch, RunId, Sandbox, SandboxSpec } from "../sandbox.ts";
import { SandboxLost, SandboxUnavailable } from "../sandbox.ts";
import { type Cgroup, outOfMemoryKills, removeCgroup } from "./cgroup.ts";
import { openChannel } from "./channel.ts";
import type { Launched } from "./launch.ts";
import { killMarked } from "./processes.ts";

const PATH = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin:/.farhand";
const BASE_VARIABLES = { PATH, HOME: "/home/agent", USER: "agent", LANG: "C.UTF-8", TMPDIR: "/tmp" };

export type Parts = {
  spec: SandboxSpec;
  launched: Launched;
  marker: string;
  cgroup: Cgroup | null;
  door: Door | null;
  /** Removes the directory and all that the driver knows of it, after everything in it has ended. */
  remove: () => Promise<void>;
};

/** A machine that bubblewrap runs, from its launch to its removal. */
export class BubblewrapSandbox implements Sandbox {
  readonly run: RunId;
  readonly owner: number;
  readonly lost: AbortSignal;
  readonly #lost = new AbortController();
  readonly #parts: Parts;
  readonly #variables: Readonly<Record<string, string>>;
  readonly #channel: ReturnType<typeof openChannel>;
  readonly #greeting = Promise.withResolvers<void>();
  #ending: Promise<void> | null = null;

  constructor(parts: Parts) {
    const { spec, launched } = parts;
    this.run = spec.run;
    this.owner = spec.owner;
    this.lost = this.#lost.signal;
    this.#parts = parts;
    const hasDoor = (spec.network?.kind ?? "none") !== "none";
    this.#variables = { ...BASE_VARIABLES, ...(hasDoor ? PROXY_VARIABLES : {}), ...spec.variables };
    this.#greeting.promise.catch(() => {});
    const greeted = () => void launched.started.then(this.#greeting.resolve);
    this.#channel = openChannel(launched.fromAgent, launched.toAgent, greeted, (reason) => this.lose(reason));
    void launched.ended.then(async ({ code, signal }) => {
      const memory = parts.cgroup !== null && (await outOfMemoryKills(parts.cgroup)) > 0;
      const words = await launched.complaints();
      const how = `${signal ?? `exit code ${code}`}${words ? `: ${words}` : ""}`;
      this.#greeting.reject(new SandboxUnavailable(`the sandbox did not start (${how})`));
      this.lose(
        new SandboxLost(
          memory ? `the sandbox ran out of its ${spec.limits.memoryMb} MB of memory` : `the sandbox ended by itself (${how})`,
        ),
      );
    });
  }

  /** Resolves when the agent has reported. Throws SandboxUnavailable, or the signal's reason. */
  async ready(signal: AbortSignal): Promise<void> {
    const stop = () => this.#greeting.reject(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
    await this.#greeting.promise.finally(() => signal.removeEventListener("abort", stop));
  }

  exec(command: Command, signal: AbortSignal): Execution {
    return this.#channel.exec(command, { ...this.#variables, ...command.variables }, signal);
  }

  async watchedBy(watch: NetworkWatch | null): Promise<void> {
    await this.#parts.door?.watchedBy(watch);
  }

  /** Kills everything in it; the first reason counts. */
  lose(reason: SandboxLost): void {
    if (this.#lost.signal.aborted) return;
    this.#lost.abort(reason);
    this.#channel.lose(reason);
    void this.#parts.launched.kill();
  }

  /** Kills all, waits until it has ended and its mounts with it, calls `keep`, removes the rest. Every later call waits for the first. */
  end(reason: SandboxLost, keep?: () => Promise<void>): Promise<void> {
    this.#ending ??= this.#end(reason, keep);
    return this.#ending;
  }

  async #end(reason: SandboxLost, keep?: () => Promise<void>): Promise<void> {
    const { launched, cgroup, marker, remove } = this.#parts;
    this.lose(reason);
    await launched.kill();
    const { signal } = await launched.ended;
    if (cgroup !== null) await removeCgroup(cgroup);
    if (signal !== null) await killMarked(marker); // the launcher was killed and could not wait for the rest
    try {
      await keep?.();
    } finally {
      await remove();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.end(new SandboxLost("the sandbox was disposed"));
  }
}
