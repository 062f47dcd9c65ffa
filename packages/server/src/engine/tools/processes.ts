import type { Exit } from "@farhand/protocol";
import type { Command, Execution, OutputChunk, Sandbox } from "../../sandbox/sandbox.ts";
import { ByteQueue } from "./byte-queue.ts";
import { KeptOutput } from "./kept-output.ts";

const MOST_RUNNING = 8;
const MOST_ENDED = 20;
/** Of what nobody waits for; of more, the latest is kept, and all of it in the file. */
const MOST_UNREAD_BYTES = 256 * 1024;

/** The commands of one engine's run that outlive the call which started them. Disposal ends them and waits until they are gone. */
export class Processes implements AsyncDisposable {
  readonly #sandbox: Sandbox;
  readonly #kept = new Map<number, Process>();
  #last = 0;

  constructor(sandbox: Sandbox) {
    this.#sandbox = sandbox;
  }

  /** Output over `keepFrom` characters goes to a file named `name`. `signal` ends the command. Not yet among those that `find` knows. */
  start(command: Command, name: string, keepFrom: number, signal: AbortSignal): Process {
    return new Process(this.#sandbox, command, new KeptOutput(this.#sandbox, name, keepFrom, signal), signal);
  }

  /** Throws, in words for the model, where one more is too many. */
  requireRoom(): void {
    const running = [...this.#kept].filter(([, { exit }]) => exit === null).map(([id]) => id);
    if (running.length >= MOST_RUNNING)
      throw new Error(`${running.length} processes run already (${running.join(", ")}): stop one of them`);
  }

  /** From now on it is known by the number returned. */
  keep(process: Process): number {
    this.#kept.set(++this.#last, process);
    const ended = [...this.#kept].filter(([, { exit }]) => exit !== null);
    for (const [id] of ended.slice(0, Math.max(0, ended.length - MOST_ENDED))) this.#kept.delete(id);
    return this.#last;
  }

  find(id: number): Process {
    const process = this.#kept.get(id);
    if (process) return process;
    const known = [...this.#kept.keys()].join(", ");
    throw new Error(`there is no process ${id}${known === "" ? "" : `; there is: ${known}`}`);
  }

  /** Its end has been told. */
  forget(id: number): void {
    this.#kept.delete(id);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const all = [...this.#kept.values()];
    this.#kept.clear();
    await Promise.all(all.map((process) => process.stop()));
  }
}

/** A command whose output is read all the time, so that it never waits for somebody to look at it. */
export class Process {
  readonly startedAt = performance.now();
  readonly input: ByteQueue | null;
  readonly kept: KeptOutput;
  exit: Exit | null = null;
  readonly #stop = new AbortController();
  readonly #execution: Execution;
  readonly #reading: Promise<void>;
  readonly #unread: OutputChunk[] = [];
  #unreadBytes = 0;
  #skipped = 0;
  #failure: unknown = null;
  #attended = false;
  #wake: () => void = () => {};
  #drained: () => void = () => {};

  constructor(sandbox: Sandbox, command: Command, kept: KeptOutput, signal: AbortSignal) {
    this.input = command.stdin instanceof ByteQueue ? command.stdin : null;
    this.kept = kept;
    this.#execution = sandbox.exec(command, AbortSignal.any([signal, this.#stop.signal]));
    this.#reading = this.#read().catch((error) => {
      this.#failure = error;
      this.#wake();
    });
  }

  /** For one reader at a time: what has come since it was last asked and what comes, until the command has ended or the time is up (performance.now). Throws SandboxLost. */
  async *output(until: number): AsyncGenerator<OutputChunk> {
    this.#attended = true;
    try {
      if (this.#skipped > 0)
        yield { stream: "stdout", bytes: Buffer.from(`[${this.#skipped} bytes before this were not looked at in time]\n`) };
      this.#skipped = 0;
      while (true) {
        const chunk = this.#unread.shift();
        if (chunk) {
          this.#unreadBytes -= chunk.bytes.length;
          this.#drained();
          yield chunk;
        } else if (this.#failure) throw this.#failure;
        else if (this.exit !== null || performance.now() >= until) return;
        else await this.#changedBefore(until);
      }
    } finally {
      this.#attended = false;
      this.#drained();
    }
  }

  signal(name: "SIGINT" | "SIGTERM" | "SIGKILL"): void {
    this.#execution.signal(name);
  }

  /** Kills it where it still runs; resolves when it has ended. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#attended = false;
    this.#drained();
    await this.#reading;
    await this.kept.close().catch(() => {});
  }

  async #read(): Promise<void> {
    for await (const { stream, bytes } of this.#execution.output) {
      const chunk = { stream, bytes: bytes.slice() };
      this.kept.write(chunk);
      this.#unread.push(chunk);
      this.#unreadBytes += chunk.bytes.length;
      this.#wake();
      while (this.#unreadBytes > MOST_UNREAD_BYTES && this.#unread.length > 1) {
        if (this.#attended) await new Promise<void>((resolve) => (this.#drained = resolve));
        else this.#skip();
      }
    }
    this.exit = await this.#execution.exit;
    this.input?.close();
    this.#wake();
  }

  #skip(): void {
    const length = this.#unread.shift()?.bytes.length ?? 0;
    this.#unreadBytes -= length;
    this.#skipped += length;
  }

  async #changedBefore(until: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    const timer = Number.isFinite(until) ? setTimeout(resolve, Math.min(2 ** 31 - 1, until - performance.now())) : undefined;
    await promise.finally(() => clearTimeout(timer));
  }
}
