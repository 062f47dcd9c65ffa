import type { Exit, Limits } from "@farhand/protocol";

/** One execution of one attempt, `<attempt id>.<run number>`. Names its sandbox, and lets `sweep` tell the living from the dead. */
export type RunId = string;

/** Names everything that went into a layer. Two layers of one key are interchangeable. */
export type LayerKey = string;

/** An immutable directory tree that sandboxes are stacked on, as this host's driver knows it. */
export type LayerId = string;

/**
 * What a sandbox may reach, always by HTTP through its door. A domain covers its subdomains. `ports`: absent = DEFAULT_PORTS. Addresses that are
 * not of the public internet are refused under every rule.
 */
export type NetworkRule =
  | { kind: "none" }
  | { kind: "allow"; domains: readonly string[]; ports?: readonly number[] }
  | { kind: "all"; ports?: readonly number[] };

export const DEFAULT_PORTS: readonly number[] = [80, 443];

/** A request that came to the door. All of it but `decision`, `rule` and `reason` is hostile text, printable and short. */
export type NetworkRequest = {
  /** Of HTTP; CONNECT for a tunnel, such as https needs; empty where there was none to read. */
  method: string;
  host: string;
  port: number;
  decision: "allowed" | "refused";
  /** What decided: the domain that covers the host, or what was broken. */
  rule: string;
  /** Why it was refused, or allowed and yet failed; else empty. */
  reason: string;
};

/** Who is told of the requests of a sandbox. Must not throw. */
export interface NetworkWatch {
  /** As soon as it is decided and, where allowed, connected. */
  seen(request: NetworkRequest): void;
  /** Once an allowed request has ended: bytes of both directions. The same object as before. */
  ended(request: NetworkRequest, bytes: number): void;
}

export type SandboxSpec = {
  run: RunId;
  /** Stacked on the image, the topmost first. Each must have been sealed for the same `owner`. */
  layers: readonly LayerId[];
  /** Index of the host uid that everything in the sandbox runs as and owns; belongs to the environment. From 0. */
  owner: number;
  limits: Limits;
  /** The only environment variables of commands, besides PATH, HOME, LANG, USER, TMPDIR and those of a command. */
  variables: Readonly<Record<string, string>>;
  /** Holds from the start to the end of the sandbox. Absent = none. Common tools find the way by variables that the driver adds. */
  network?: NetworkRule;
  watch?: NetworkWatch;
};

export type Command = {
  argv: readonly [string, ...string[]];
  /** Absolute path in the sandbox. */
  cwd: string;
  variables?: Readonly<Record<string, string>>;
  timeoutMs: number;
  /** Whole standard input; absent = empty. A generator is pulled only as fast as the command reads. */
  stdin?: Uint8Array | AsyncIterable<Uint8Array>;
};

export type OutputChunk = { stream: "stdout" | "stderr"; bytes: Uint8Array };

export type Execution = {
  /** In the order of arrival, pulled: a slow reader slows the command down. Must be read, or `exit` does not resolve. */
  output: AsyncIterable<OutputChunk>;
  /**
   * Resolves after the output has ended. A nonzero exit is a value, not an error. Rejects with SandboxLost.
   * A process left behind in the background does not delay it, and lives until the sandbox is disposed.
   */
  exit: Promise<Exit>;
  /** To the command's process group. Too late is not an error. */
  signal(name: "SIGINT" | "SIGTERM" | "SIGKILL"): void;
};

/** One isolated machine. Calls may overlap. Disposal kills all in it, removes it, and may be repeated. */
export interface Sandbox extends AsyncDisposable {
  readonly run: RunId;
  /** On abort the command's process group is killed and its exit is `cancelled`. */
  exec(command: Command, signal: AbortSignal): Execution;
  /**
   * Who is told of its requests from now on; null = nobody works in it, and it reaches nothing. Connections made before are cut, and their ends
   * told, when this resolves.
   */
  watchedBy(watch: NetworkWatch | null): Promise<void>;
  /** Aborts once the machine is gone; its reason is the SandboxLost that every pending and later call rejects with. */
  readonly lost: AbortSignal;
}

export interface SandboxDriver {
  readonly name: string;
  readonly isolation: "microvm" | "user-space-kernel" | "container" | "namespaces";
  /** What this host lacks, in words for the operator, found by really making a sandbox. Empty = ready. Never falls back to weaker isolation. */
  missing(): Promise<string[]>;
  /** The limits that this host cannot hold, in words, such as "memory: no cgroup can be written". */
  limitsNotHeld(): Promise<string[]>;
  /** Why there is no room on this host's disk for another sandbox at the moment, in words; null = there is. Cheap enough to be asked all the time. */
  full(): Promise<string | null>;
  /** Throws SandboxUnavailable, also when `limits.required` and a limit cannot be held. Nothing is left behind on a throw. */
  create(spec: SandboxSpec, signal: AbortSignal): Promise<Sandbox>;
  /** Kills everything in it, unmounts, keeps its upper directory as a layer. The sandbox is gone afterwards. A layer of that key and owner that exists already wins. */
  seal(sandbox: Sandbox, key: LayerKey): Promise<LayerId>;
  /** The layer sealed under this key for this owner, if this host has it. */
  layer(key: LayerKey, owner: number): Promise<LayerId | null>;
  /** Every layer on this host. */
  layers(): Promise<LayerId[]>;
  /** No sandbox may stand on it. One that is not there is no error. */
  removeLayer(layer: LayerId): Promise<void>;
  /** What it holds on the disk; null where that cannot be told. */
  layerBytes(layer: LayerId): Promise<number | null>;
  /**
   * Destroys every sandbox of ours on this host, its processes, mounts, control groups and files, that belongs to none of the live runs.
   * Those that this very object has made are spared: who holds one disposes of it, and `live` may be older than it. May be repeated.
   */
  sweep(live: ReadonlySet<RunId>): Promise<void>;
}

/** The machine is gone: killed, out of memory, over its disk limit, disposed, or its worker is stopping. The message says which. */
export class SandboxLost extends Error {
  override readonly name = "SandboxLost";
}

/** No sandbox could be made; the message says what is missing and what to do. */
export class SandboxUnavailable extends Error {
  override readonly name = "SandboxUnavailable";
}

/** The cause of one of these where the disk of the host is nearly full, which is no fault of what runs in this sandbox. */
export class HostFull extends Error {
  override readonly name = "HostFull";
}
