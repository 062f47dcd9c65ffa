import type { OutputChunk } from "../../sandbox/sandbox.ts";
import { split } from "../excerpt.ts";
import type { ToolOutput } from "./tool.ts";

type Stream = OutputChunk["stream"];
type Segment = { stream: Stream; text: string };

export type OutputLimits = {
  /** Characters of a command that the log shows from its beginning, and from its end where that is not enough. */
  headChars: number;
  tailChars: number;
  /** What came within this time is shown together; the time grows by a millisecond with each chunk shown, up to a second if it began with less. */
  gatherMs: number;
  gatherChars: number;
};

export const LOG_LIMITS: OutputLimits = { headChars: 128 * 1024, tailChars: 64 * 1024, gatherMs: 50, gatherChars: 8 * 1024 };

const LONGEST_GATHER_MS = 1_000;

/**
 * Makes of a command's output what its event log shows: text (invalid UTF-8 becomes U+FFFD, NUL the sign ␀), gathered into few chunks, the
 * head as it comes, then nothing, and at the end the tail, with the number of bytes dropped between. `seen` gets every byte first, and
 * holds the command up until it resolves; `said` gets all of the text. Left early, it does not stop the command: its signal does.
 */
export async function* shownOutput(
  output: AsyncIterable<OutputChunk>,
  seen: (bytes: Uint8Array) => Promise<void>,
  said: (text: string) => void,
  limits: OutputLimits = LOG_LIMITS,
): AsyncGenerator<ToolOutput> {
  const decoders = { stdout: new TextDecoder("utf-8", { ignoreBOM: true }), stderr: new TextDecoder("utf-8", { ignoreBOM: true }) };
  const gathered = new Segments();
  const tail = new Segments();
  let headLeft = limits.headChars;
  let droppedBytes = 0;
  let shown = 0;

  const take = (stream: Stream, raw: string) => {
    const text = raw.replaceAll("\0", "\u2400");
    said(text);
    const [head, rest] = headLeft > 0 ? split(text, headLeft) : ["", text];
    headLeft = rest === "" ? headLeft - head.length : 0;
    gathered.append(stream, head);
    tail.append(stream, rest);
    if (tail.length > 2 * limits.tailChars) droppedBytes += tail.trimTo(limits.tailChars); // now and then, not at every chunk
  };

  const chunks = output[Symbol.asyncIterator]();
  const pull = () => {
    const pulled = chunks.next();
    pulled.catch(() => {}); // it may fail while nobody waits for it: the next wait sees it
    return pulled;
  };
  let next = pull();
  let deadline = 0;
  while (true) {
    const arrived = gathered.length === 0 ? await next : await beforeDeadline(next, deadline);
    if (arrived?.done) break;
    if (arrived) {
      const { stream, bytes } = arrived.value;
      await seen(bytes);
      if (gathered.length === 0)
        deadline = performance.now() + Math.min(Math.max(LONGEST_GATHER_MS, limits.gatherMs), limits.gatherMs + shown);
      take(stream, decoders[stream].decode(bytes, { stream: true }));
      next = pull();
    }
    if (gathered.length < limits.gatherChars && performance.now() < deadline) continue;
    for (const segment of gathered.drain()) {
      shown += 1;
      yield segment;
    }
  }
  for (const stream of ["stdout", "stderr"] as const) take(stream, decoders[stream].decode());
  yield* gathered.drain();
  droppedBytes += tail.trimTo(limits.tailChars);
  for (const [index, segment] of tail.drain().entries())
    yield index === 0 && droppedBytes > 0 ? { ...segment, dropped: droppedBytes } : segment;
}

/** null when the time is up first. The promise stays as it is and can be waited for again. */
async function beforeDeadline<T>(promise: Promise<T>, deadline: number): Promise<T | null> {
  const { promise: late, resolve } = Promise.withResolvers<null>();
  const timer = setTimeout(resolve, Math.max(0, deadline - performance.now()), null);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Text of two streams in the order of arrival; where they alternate too often to keep each change, only the order within each. */
class Segments {
  #segments: Segment[] = [];
  length = 0;

  append(stream: Stream, text: string): void {
    if (text === "") return;
    this.length += text.length;
    const last = this.#segments.at(-1);
    const joined =
      last?.stream === stream || this.#segments.length < 16 ? last : this.#segments.findLast((segment) => segment.stream === stream);
    if (joined?.stream === stream) joined.text += text;
    else this.#segments.push({ stream, text });
  }

  /** Drops from the front what is over the limit. Returns how many bytes that was. */
  trimTo(limit: number): number {
    let bytes = 0;
    while (this.length > limit) {
      const first = this.#segments[0];
      if (!first) break;
      const [dropped, kept] = split(first.text, this.length - limit);
      bytes += Buffer.byteLength(dropped);
      this.length -= dropped.length;
      if (kept === "") this.#segments.shift();
      else first.text = kept;
      if (dropped === "") break;
    }
    return bytes;
  }

  drain(): Segment[] {
    const all = this.#segments;
    this.#segments = [];
    this.length = 0;
    return all;
  }
}
