import type { FastifyReply } from "fastify";
import { SECURITY_HEADERS } from "./headers.ts";

const HEARTBEAT_MS = 15_000;

export interface EventStream {
  /** Aborts when the reader has gone. */
  signal: AbortSignal;
  /** Resolves when there is room for more. Neither fails nor waits once the reader has gone. */
  send(data: unknown, id?: number): Promise<void>;
  /** Sends it, unless the reader is behind. */
  offer(data: unknown): void;
  end(): void;
}

/** Answers with server-sent events, and a comment every 15 s so that both sides notice when the connection is lost. */
export function openEventStream(reply: FastifyReply): EventStream {
  reply.hijack();
  const stream = reply.raw;
  const gone = new AbortController();
  stream.on("close", () => gone.abort());
  stream.on("error", () => gone.abort());
  if (stream.destroyed) gone.abort(); // before we listened
  stream.writeHead(200, {
    ...SECURITY_HEADERS,
    "content-type": "text/event-stream",
    "cache-control": "no-store",
    "x-accel-buffering": "no",
  });
  stream.write(": hello\n\n");
  const heartbeat = setInterval(() => stream.write(":\n\n"), HEARTBEAT_MS);
  return {
    signal: gone.signal,
    async send(data, id) {
      const room = stream.write(`${id === undefined ? "" : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`);
      if (room || gone.signal.aborted) return;
      await new Promise<void>((resolve) => {
        const go = () => {
          stream.off("drain", go).off("close", go);
          resolve();
        };
        stream.on("drain", go).on("close", go);
      });
    },
    offer(data) {
      if (!stream.writableNeedDrain) stream.write(`data: ${JSON.stringify(data)}\n\n`);
    },
    end() {
      clearInterval(heartbeat);
      stream.end();
    },
  };
}
