import type { OutputChunk, Sandbox } from "../../sandbox/sandbox.ts";
import { ByteQueue } from "./byte-queue.ts";
import { PlainText } from "./plain-text.ts";

/** On disk and outside of the working tree, so that it is neither held in memory nor part of the change. */
const FOLDER = "/var/tmp/farhand-output";
const MAX_CHARS = 16 * 1024 * 1024;
const WRITE_MS = 24 * 3_600_000;

/** Puts the whole of an output into a file of the sandbox where the agent can search it, once it is longer than `from` characters. Failing is no fault of the command. */
export class KeptOutput {
  readonly #sandbox: Sandbox;
  readonly #path: string;
  readonly #from: number;
  readonly #signal: AbortSignal;
  readonly #decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() };
  readonly #plain = new PlainText();
  #held = "";
  #chars = 0;
  #file: { queue: ByteQueue; written: Promise<boolean> } | null = null;

  constructor(sandbox: Sandbox, name: string, from: number, signal: AbortSignal) {
    this.#sandbox = sandbox;
    this.#path = `${FOLDER}/${name}.log`;
    this.#from = from;
    this.#signal = signal;
  }

  write({ stream, bytes }: OutputChunk): void {
    const text = this.#decoders[stream].decode(bytes, { stream: true });
    this.#take(this.#plain.write(text.replaceAll("\0", "\u2400")));
  }

  /** Where the whole is, in words; empty where it was short, or the file could not be written. */
  async close(): Promise<string> {
    this.#take(this.#plain.flush());
    if (this.#file === null) return "";
    this.#file.queue.close();
    if (!(await this.#file.written)) return "";
    return `[the ${this.#chars > MAX_CHARS ? `first ${MAX_CHARS} characters are` : "whole output is"} in ${this.#path}: search there]`;
  }

  /** Where it goes on being written. */
  get path(): string {
    return this.#path;
  }

  #take(text: string): void {
    const kept = text.slice(0, Math.max(0, MAX_CHARS - this.#chars));
    this.#chars += text.length;
    if (this.#file === null) {
      this.#held += kept;
      if (this.#held.length <= this.#from) return;
      this.#file = this.#open();
      this.#file.queue.push(Buffer.from(this.#held));
      this.#held = "";
    } else this.#file.queue.push(Buffer.from(kept));
  }

  #open(): { queue: ByteQueue; written: Promise<boolean> } {
    const queue = new ByteQueue();
    const script = 'mkdir -p "$1" && exec cat > "$2"';
    const argv = ["/bin/sh", "-c", script, "sh", FOLDER, this.#path] as const;
    const written = (async () => {
      const execution = this.#sandbox.exec({ argv, cwd: "/", timeoutMs: WRITE_MS, stdin: queue }, this.#signal);
      for await (const _ of execution.output); // what it complains of: the exit tells enough
      const exit = await execution.exit;
      return exit.kind === "exited" && exit.code === 0;
    })().catch(() => false); // a sandbox that is gone is noticed by the command itself
    return { queue, written };
  }
}
