import { statfs } from "node:fs/promises";
import { HostFull, SandboxLost } from "../sandbox.ts";
import { command } from "./command.ts";
import type { Mode } from "./layers.ts";

const TICK_MS = 500;
/** However still the disk lies, a sandbox is measured this often: what others delete can hide what it writes. */
const SLOW_MS = 60_000;
const MB = 1024 * 1024;

type Watched = {
  directory: string;
  limitMb: number;
  over: (lost: SandboxLost) => void;
  used: number;
  /** What was free on the disk when `used` was measured. */
  freeThen: number;
  measuredAt: number;
  notBefore: number;
};

/** What an upper directory may have grown to, at most, since it was measured: all that has left the disk meanwhile. */
export function mayBeOver(watched: Pick<Watched, "used" | "freeThen" | "limitMb">, free: number): boolean {
  return watched.used + Math.max(0, watched.freeThen - free) > watched.limitMb * MB;
}

/**
 * Holds the disk limits of sandboxes, within about a second: it asks the file system twice a second how much is free, and walks through a
 * sandbox's files only when so much has gone that the sandbox may be over its limit. When the disk itself runs full, the largest goes.
 */
export class DiskWatch {
  readonly #home: string;
  readonly #mode: Mode;
  readonly #reserve: number;
  readonly #watched = new Set<Watched>();
  #timer: NodeJS.Timeout | null = null;
  #busy = false;

  constructor(home: string, mode: Mode, reserveMb: number) {
    this.#home = home;
    this.#mode = mode;
    this.#reserve = reserveMb * MB;
  }

  /** What is missing of the reserve, in words; null = there is room. */
  async full(): Promise<string | null> {
    const free = await this.#free();
    return free >= this.#reserve
      ? null
      : `the disk of ${this.#home} is nearly full: ${Math.floor(free / MB)} MB are free, ${this.#reserve / MB} MB are kept in reserve`;
  }

  /** `over` is called once, with why, when the sandbox has to go. Returns how to stop watching. */
  async watch(directory: string, limitMb: number, over: (lost: SandboxLost) => void): Promise<() => void> {
    const now = performance.now();
    const watched: Watched = { directory, limitMb, over, used: 0, freeThen: await this.#free(), measuredAt: now, notBefore: now };
    this.#watched.add(watched);
    this.#timer ??= setInterval(() => void this.#tick(), TICK_MS).unref();
    return () => {
      this.#watched.delete(watched);
      if (this.#watched.size > 0 || this.#timer === null) return;
      clearInterval(this.#timer);
      this.#timer = null;
    };
  }

  async #tick(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    try {
      const free = await this.#free();
      const now = performance.now();
      const isFull = free < this.#reserve;
      for (const watched of [...this.#watched]) {
        if (isFull || (now >= watched.notBefore && (mayBeOver(watched, free) || now - watched.measuredAt > SLOW_MS)))
          await this.#measure(watched, free);
        if (watched.used > watched.limitMb * MB) this.#end(watched, `over its disk limit of ${watched.limitMb} MB`);
      }
      if (!isFull) return;
      const largest = [...this.#watched].toSorted((a, b) => b.used - a.used)[0];
      const full = await this.full();
      if (largest && full !== null) this.#end(largest, `${full}; it used the most of it`, { cause: new HostFull(full) });
    } catch {
      // the next tick tries again
    } finally {
      this.#busy = false;
    }
  }

  #end(watched: Watched, reason: string, options?: ErrorOptions): void {
    if (this.#watched.delete(watched)) watched.over(new SandboxLost(`the sandbox was ended: ${reason}`, options));
  }

  async #measure(watched: Watched, free: number): Promise<void> {
    const started = performance.now();
    const du = ["-s", "-x", "--block-size=1", "--", watched.directory];
    const reads = this.#mode === "root" ? command("du", du) : command("unshare", ["-Ur", "--", "du", ...du]);
    // Files vanish while they are counted: then it fails, and yet prints what it found.
    const text = await reads.catch((error) => (error instanceof Error && "output" in error ? String(error.output) : ""));
    const used = Number(/^(\d+)/.exec(text)?.[1] ?? Number.NaN);
    const now = performance.now();
    if (!Number.isNaN(used)) watched.used = used;
    watched.freeThen = free;
    watched.measuredAt = now;
    watched.notBefore = now + 4 * (now - started);
  }

  async #free(): Promise<number> {
    const { bavail, bsize } = await statfs(this.#home);
    return bavail * bsize;
  }
}
