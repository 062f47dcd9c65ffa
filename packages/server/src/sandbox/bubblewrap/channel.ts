import { constants } from "node:os";
import type { Readable, Writable } from "node:stream";
import type { Exit } from "@farhand/protocol";
import type { Command, Execution, OutputChunk } from "../sandbox.ts";
import { SandboxLost } from "../sandbox.ts";
import { FRAME, frame, frameReader, MAX_EXEC, MAX_PAYLOAD, ProtocolViolation, u32, WINDOW } from "./frames.ts";

/** How long a killed command may take to end before its sandbox is given up. */
const KILL_GRACE_MS = 15_000;
const MAX_COMMANDS = 1000;

type Channel = {
  exec(command: Command, variables: Readonly<Record<string, string>>, signal: AbortSignal): Execution;
  /** Every pending and later call rejects with this. */
  lose(reason: SandboxLost): void;
};

/**
 * The worker's end of the agent in a sandbox. `ready` is called once, when the agent has reported. Everything that comes from the
 * agent is hostile: on the first frame that an honest agent would not send, `broken` is called and nothing more is read.
 */
export function openChannel(from: Readable, to: Writable, ready: () => void, broken: (reason: SandboxLost) => void): Channel {
  const commands = new Map<number, RunningCommand>();
  let lastId = 0;
  let lost: SandboxLost | null = null;
  let greeted = false;

  const send = (type: number, id: number, payload: Uint8Array) => {
    if (lost === null) to.write(frame(type, id, payload));
  };
  const giveUp = (detail: string) => {
    from.removeListener("data", onData);
    from.resume();
    broken(new SandboxLost(detail));
  };
  const read = frameReader((type, id, payload) => {
    if (type === FRAME.hello && !greeted) {
      greeted = true;
      return ready();
    }
    const command = commands.get(id);
    if (!greeted || command === undefined) throw new ProtocolViolation(`frame ${type} for command ${id}`);
    if (command.receive(type, payload) === "done") commands.delete(id);
  });
  const onData = (bytes: Buffer) => {
    if (lost !== null) return;
    try {
      read(bytes);
    } catch (error) {
      if (!(error instanceof ProtocolViolation)) throw error;
      giveUp(`the agent in the sandbox broke its protocol: ${error.message}`);
    }
  };
  from.on("data", onData);
  from.on("error", () => {});
  to.on("error", () => {}); // the process's end tells more

  return {
    exec(command, variables, signal) {
      const spec = { argv: command.argv, cwd: command.cwd, env: variables, stdin: command.stdin !== undefined, window: WINDOW };
      const payload = Buffer.from(JSON.stringify(spec));
      if (payload.length > MAX_EXEC) throw new RangeError("the command and its variables are too long");
      if (lost === null && !signal.aborted && commands.size >= MAX_COMMANDS)
        throw new RangeError(`more than ${MAX_COMMANDS} commands at once`);
      const id = ++lastId;
      const running = new RunningCommand(command.timeoutMs, (type, bytes) => send(type, id, bytes), giveUp);
      if (lost !== null) running.lose(lost);
      else if (signal.aborted) running.neverStarted();
      else {
        commands.set(id, running);
        send(FRAME.exec, id, payload);
        running.watch(signal);
        if (command.stdin !== undefined) void running.feed(command.stdin);
      }
      return running;
    },
    lose(reason) {
      lost ??= reason;
      for (const command of commands.values()) command.lose(lost);
      commands.clear();
    },
  };
}

const SIGNAL_NAMES = new Map(Object.entries(constants.signals).map(([name, number]) => [number, name]));

class RunningCommand implements Execution {
  readonly exit: Promise<Exit>;
  readonly output: AsyncIterable<OutputChunk>;
  readonly #settle = Promise.withResolvers<Exit>();
  readonly #send: (type: number, payload: Uint8Array) => void;
  readonly #stuck: (detail: string) => void;
  readonly #timeout: NodeJS.Timeout;
  readonly #chunks: OutputChunk[] = [];
  #wake: () => void = () => {};
  #outputCredit = WINDOW;
  #owedCredit = 0;
  #inputCredit = WINDOW;
  #inputClosed = false;
  readonly #inputEnd = Promise.withResolvers<null>();
  #stoppedBy: Exit | null = null;
  #exit: Exit | null = null;
  #done = false;
  #failure: unknown = null;
  #unread = false;
  #unwatch: () => void = () => {};

  constructor(timeoutMs: number, send: (type: number, payload: Uint8Array) => void, stuck: (detail: string) => void) {
    this.#send = send;
    this.#stuck = stuck;
    this.exit = this.#settle.promise;
    this.exit.catch(() => {}); // whoever awaits it hears of it; whoever only reads the output hears of it there
    this.output = this.#read();
    this.#timeout = setTimeout(() => this.#stop({ kind: "timed-out" }), Math.min(timeoutMs, 2 ** 31 - 1));
  }

  signal(name: "SIGINT" | "SIGTERM" | "SIGKILL"): void {
    if (this.#exit === null) this.#send(FRAME.signal, Buffer.from(name));
  }

  watch(signal: AbortSignal): void {
    const cancel = () => this.#stop({ kind: "cancelled" });
    signal.addEventListener("abort", cancel, { once: true });
    this.#unwatch = () => signal.removeEventListener("abort", cancel);
  }

  neverStarted(): void {
    this.#ended({ kind: "cancelled" });
    this.#finish();
  }

  lose(reason: SandboxLost): void {
    this.#fail(reason);
  }

  receive(type: number, payload: Buffer): "more" | "done" {
    if (type === FRAME.stdout || type === FRAME.stderr) {
      this.#outputCredit -= payload.length;
      if (this.#outputCredit < 0 || payload.length === 0) throw new ProtocolViolation("more output than was granted");
      if (this.#unread) this.#grant(payload.length);
      else this.#chunks.push({ stream: type === FRAME.stdout ? "stdout" : "stderr", bytes: payload });
    } else if (type === FRAME.stdinCredit && payload.length === 4) {
      this.#inputCredit += payload.readUInt32LE(0);
      if (this.#inputCredit > WINDOW) throw new ProtocolViolation("more input granted than was sent");
    } else if (type === FRAME.stdinClosed) this.#closeInput();
    else if (type === FRAME.exited && payload.length === 2 && this.#exit === null) this.#ended(exitOf(payload));
    else if (type === FRAME.done && this.#exit !== null) {
      this.#finish();
      return "done";
    } else throw new ProtocolViolation(`frame ${type} out of place`);
    this.#wake();
    return "more";
  }

  async feed(source: Uint8Array | AsyncIterable<Uint8Array>): Promise<void> {
    const chunks = source instanceof Uint8Array ? once(source) : source[Symbol.asyncIterator]();
    try {
      while (!this.#inputClosed) {
        const next = await Promise.race([chunks.next(), this.#inputEnd.promise]);
        if (next === null || next.done) break;
        await this.#write(next.value);
      }
      if (!this.#inputClosed) this.#send(FRAME.stdinEnd, new Uint8Array());
    } catch (error) {
      this.#failure ??= error;
      this.#stop({ kind: "cancelled" });
    } finally {
      this.#closeInput();
      void chunks.return?.(undefined)?.catch?.(() => {}); // not awaited: it may be waiting for what never comes
    }
  }

  async #write(bytes: Uint8Array): Promise<void> {
    for (let from = 0; from < bytes.length && !this.#inputClosed; ) {
      if (this.#inputCredit === 0) {
        await this.#changed();
        continue;
      }
      const part = bytes.subarray(from, from + Math.min(this.#inputCredit, MAX_PAYLOAD));
      this.#inputCredit -= part.length;
      this.#send(FRAME.stdin, part);
      from += part.length;
    }
  }

  #closeInput(): void {
    this.#inputClosed = true;
    this.#inputEnd.resolve(null);
  }

  #waiters: (() => void)[] = [];
  #changed(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiters.push(resolve);
      this.#wake = () => {
        for (const waiter of this.#waiters.splice(0)) waiter();
      };
    });
  }

  async *#read(): AsyncGenerator<OutputChunk, void, undefined> {
    try {
      for (;;) {
        const chunk = this.#chunks.shift();
        if (chunk !== undefined) {
          yield chunk;
          this.#grant(chunk.bytes.length);
        } else if (this.#failure instanceof SandboxLost) throw this.#failure;
        else if (this.#done) return;
        else await this.#changed();
      }
    } finally {
      this.#unread = true;
      for (const chunk of this.#chunks.splice(0)) this.#grant(chunk.bytes.length);
      this.#resolveExit();
    }
  }

  /** Room is given back in halves of the window, so that small chunks do not cost a frame each. */
  #grant(bytes: number): void {
    this.#owedCredit += bytes;
    if (this.#owedCredit < WINDOW / 2 || this.#done) return;
    this.#outputCredit += this.#owedCredit;
    this.#send(FRAME.credit, u32(this.#owedCredit));
    this.#owedCredit = 0;
  }

  #stop(exit: Exit): void {
    if (this.#exit !== null || this.#stoppedBy !== null) return;
    this.#stoppedBy = exit;
    this.#send(FRAME.signal, Buffer.from("SIGKILL"));
    clearTimeout(this.#timeout);
    const grace = setTimeout(() => this.#exit ?? this.#stuck("a command could not be killed"), KILL_GRACE_MS);
    grace.unref();
    void this.exit.finally(() => clearTimeout(grace)).catch(() => {});
  }

  #ended(exit: Exit): void {
    this.#exit = this.#stoppedBy ?? exit;
    clearTimeout(this.#timeout);
    this.#unwatch();
    this.#closeInput();
  }

  #finish(): void {
    this.#done = true;
    this.#resolveExit();
    this.#wake();
  }

  #resolveExit(): void {
    if (!this.#done || !(this.#unread || this.#chunks.length === 0) || this.#exit === null) return;
    if (this.#failure === null) this.#settle.resolve(this.#exit);
    else this.#settle.reject(this.#failure);
  }

  #fail(reason: SandboxLost): void {
    this.#failure = reason;
    this.#ended({ kind: "cancelled" });
    this.#settle.reject(reason);
    this.#wake();
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

function exitOf(payload: Buffer): Exit {
  const [kind, value] = [payload.readUInt8(0), payload.readUInt8(1)];
  if (kind === 0) return { kind: "exited", code: value };
  const signal = SIGNAL_NAMES.get(value);
  if (kind !== 1 || signal === undefined) throw new ProtocolViolation("an exit that does not exist");
  return { kind: "signalled", signal };
}
