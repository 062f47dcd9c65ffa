import { TaskEvent } from "./event.ts";
import { ApiError, open, pause, type Service, Unreachable, unreachable } from "./http.ts";
import { Writing } from "./writing.ts";

export type Connection = { state: "open" } | { state: "lost"; detail: string; retryMs: number };

export type Following = {
  /** The last event that is known already; 0 = from the beginning. */
  after?: number;
  signal?: AbortSignal;
  /** Told when the stream opens and when it is lost. */
  onConnection?: (connection: Connection) => void;
  /** Told what models are writing, as it comes: none of it is kept, and some may be missed. */
  onWriting?: (writing: Writing) => void;
};

export type Timing = {
  /** No byte for this long: the connection is given up. The service sends a comment every 15 s. */
  silenceMs: number;
  /** First wait before connecting again; doubled each time, up to `maxRetryMs`. */
  retryMs: number;
  maxRetryMs: number;
};

class Silence extends Error {}
class Gap extends Error {}

const MAX_GAPS = 5;

/**
 * All events of a task after `after`, then new ones as they come. Never skips, never repeats: what does not fit the number expected is asked for again. A
 * lost connection is opened again for as long as it takes. Ends when the signal aborts; throws ApiError if the service refuses.
 */
export async function* follow(
  service: Service,
  task: string,
  following: Following,
  timing: Timing,
): AsyncGenerator<TaskEvent, void, undefined> {
  const { signal, onConnection } = following;
  let last = following.after ?? 0;
  let failures = 0;
  let gaps = 0;
  while (!signal?.aborted) {
    let detail = "the service ended the stream";
    let hint = 0;
    const alive = () => {
      failures = 0; // a heartbeat counts: a proxy that ends idle streams must not make us wait longer each time
    };
    try {
      for await (const event of connection(service, task, last, { ...following, silenceMs: timing.silenceMs, alive })) {
        if (event.seq <= last) continue;
        if (event.seq !== last + 1) throw new Gap(`event ${event.seq} came where ${last + 1} was expected`);
        last = event.seq;
        gaps = 0;
        yield event;
        if (signal?.aborted) return;
      }
    } catch (error) {
      if (signal?.aborted) return;
      if (error instanceof Unreachable) throw error;
      if (error instanceof ApiError && !isPassing(error.status)) throw error;
      if (error instanceof Gap && ++gaps > MAX_GAPS)
        throw new Unreachable(`the events of ${service.url} have a gap: ${error.message}`, { cause: error });
      const known = error instanceof ApiError || error instanceof Silence || error instanceof Gap ? error : unreachable(service.url, error);
      if (known instanceof Unreachable && !known.passing) throw known;
      detail = known.message;
      if (error instanceof ApiError && error.status === 429) hint = timing.maxRetryMs / 2;
    }
    const backoff = Math.min(timing.maxRetryMs, timing.retryMs * 2 ** Math.min(failures++, 16));
    const retryMs = Math.max(hint, Math.round(backoff * (0.5 + Math.random() / 2)));
    onConnection?.({ state: "lost", detail, retryMs });
    await pause(retryMs, signal).catch(() => {}); // the loop's condition sees the abort
  }
}

function isPassing(status: number): boolean {
  return status >= 500 || status === 408 || status === 429;
}

async function* connection(
  service: Service,
  task: string,
  after: number,
  watch: Omit<Following, "after"> & { silenceMs: number; alive: () => void },
): AsyncGenerator<TaskEvent, void, undefined> {
  const { signal, silenceMs } = watch;
  const silence = new AbortController();
  const stop = signal ? AbortSignal.any([signal, silence.signal]) : silence.signal;
  const headers: Record<string, string> = { accept: "text/event-stream" };
  if (after > 0) headers["last-event-id"] = String(after);
  /** Watches only while we wait: a consumer that is slow to pull is no silence of the service. */
  const heard = async <T>(waiting: () => Promise<T>): Promise<T> => {
    const timer = setTimeout(() => silence.abort(new Silence(`nothing was heard for ${silenceMs / 1000} s`)), silenceMs);
    try {
      return await waiting();
    } finally {
      clearTimeout(timer);
    }
  };
  const path = `/tasks/${encodeURIComponent(task)}/events${watch.onWriting ? "?writing=true" : ""}`;
  const call = { method: "GET", path, headers, repeatable: true, limitMs: 0 } as const;
  try {
    const response = await heard(() => open(service, call, stop));
    if (!response.headers.get("content-type")?.startsWith("text/event-stream") || !response.body) {
      await response.body?.cancel();
      throw new Unreachable(`${service.url} does not answer with a stream of events: check the address`);
    }
    watch.onConnection?.({ state: "open" });
    const reader = response.body.getReader();
    const parse = eventParser();
    const decoder = new TextDecoder();
    try {
      for (;;) {
        const { done, value } = await heard(() => reader.read());
        if (done) return;
        watch.alive();
        for (const data of parse(decoder.decode(value, { stream: true }))) {
          const told = readData(service, data);
          if ("seq" in told) yield told;
          else watch.onWriting?.(told);
        }
      }
    } finally {
      await reader.cancel().catch(() => {}); // it may be broken already
    }
  } catch (error) {
    throw silence.signal.aborted && !signal?.aborted ? silence.signal.reason : error;
  }
}

function readData(service: Service, data: string): TaskEvent | Writing {
  let value: unknown;
  try {
    value = JSON.parse(data);
  } catch (cause) {
    throw new Unreachable(`${service.url} sent an event that is no JSON`, { cause });
  }
  const isWriting = typeof value === "object" && value !== null && !("seq" in value);
  const parsed = (isWriting ? Writing : TaskEvent).safeParse(value);
  if (parsed.success) return parsed.data;
  throw new Unreachable(`${service.url} sent an event that is not understood: client and service may be of different versions`, {
    cause: parsed.error,
  });
}

/** Takes a stream of server-sent events in pieces of any size; returns the data of each event that is complete. Comments and other fields are passed over. */
export function eventParser(): (piece: string) => string[] {
  let rest = "";
  let data: string[] = [];
  return (piece) => {
    const complete: string[] = [];
    const text = rest + piece;
    let start = 0;
    for (let end = text.indexOf("\n"); end !== -1; end = text.indexOf("\n", start)) {
      const line = text.slice(start, end > start && text[end - 1] === "\r" ? end - 1 : end);
      start = end + 1;
      if (line.startsWith("data:")) data.push(line.slice(line[5] === " " ? 6 : 5));
      else if (line === "") {
        if (data.length > 0) complete.push(data.join("\n"));
        data = [];
      }
    }
    rest = text.slice(start);
    return complete;
  };
}
