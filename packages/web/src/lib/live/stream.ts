/** What a stream tells. Handlers must not throw. */
export type StreamHandlers = {
  /** The data of one event, parsed. false = it does not follow on what came before: the stream is opened again from `last()`. */
  onData(data: unknown): boolean;
  /** The number of the last event taken; null for streams that have none. */
  last(): number | null;
  onOpen(): void;
  onLost(detail: string): void;
  /** The service refuses; the stream has ended. */
  onRefused(status: number, detail: string): void;
};

/** The service sends a comment every 15 s. */
const SILENCE_MS = 45_000;
const FIRST_WAIT_MS = 250;
const MOST_WAIT_MS = 10_000;

/** Follows server-sent events until the signal. A lost connection is opened again for as long as it takes, from the last event that was taken. */
export async function followStream(path: string, handlers: StreamHandlers, signal: AbortSignal): Promise<void> {
  for (let failures = 0; !signal.aborted; failures++) {
    const silence = new AbortController();
    let timer = setTimeout(() => silence.abort(), SILENCE_MS);
    const heard = () => {
      failures = 0;
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), SILENCE_MS);
    };
    try {
      const refusal = await readOnce(path, handlers, AbortSignal.any([signal, silence.signal]), heard);
      if (signal.aborted) return;
      if (refusal) return handlers.onRefused(refusal.status, refusal.detail);
      handlers.onLost("the service ended the stream");
    } catch {
      if (signal.aborted) return;
      handlers.onLost(silence.signal.aborted ? "nothing was heard for a while" : "no answer from the service");
    } finally {
      clearTimeout(timer);
    }
    const wait = Math.min(MOST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(failures, 8)) * (0.5 + Math.random() / 2);
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
}

async function readOnce(
  path: string,
  handlers: StreamHandlers,
  signal: AbortSignal,
  heard: () => void,
): Promise<{ status: number; detail: string } | null> {
  const headers: Record<string, string> = { accept: "text/event-stream" };
  const last = handlers.last();
  if (last) headers["last-event-id"] = String(last);
  const response = await fetch(`/api/v1${path}`, { headers, signal });
  if (response.status >= 400 && response.status < 500 && response.status !== 429) {
    const problem = (await response.json().catch(() => null)) as { detail?: unknown } | null;
    const detail = typeof problem?.detail === "string" ? problem.detail : `the service answered with status ${response.status}`;
    return { status: response.status, detail };
  }
  if (!response.ok || !response.body) throw new Error(`status ${response.status}`);
  handlers.onOpen();
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  try {
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
      heard();
      const lines = (rest + decoder.decode(piece.value, { stream: true })).split("\n"); // an event of the service has one data line
      rest = lines.pop() ?? "";
      for (const line of lines) if (line.startsWith("data:") && !handlers.onData(JSON.parse(line.slice(5)))) return null;
    }
    return null;
  } finally {
    await reader.cancel().catch(() => {}); // it may be broken already
  }
}
