import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, get, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import type { FastifyReply } from "fastify";
import { openEventStream } from "./event-stream.ts";

test("a reader that has gone before the stream opens is noticed, and nothing waits for it", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const reader = get({ port: (server.address() as AddressInfo).port, host: "127.0.0.1" }).on("error", () => {});
  const [, response] = (await once(server, "request")) as [unknown, ServerResponse];
  reader.destroy();
  await once(response, "close"); // as while the service looks who asks, and for what
  const stream = openEventStream({ raw: response, hijack() {} } as unknown as FastifyReply);
  using _end = {
    [Symbol.dispose]() {
      stream.end();
      server.close();
    },
  };
  assert.ok(stream.signal.aborted);
  await stream.send("x".repeat(1024 * 1024));
});

test("a reader that is slow is waited for each time, and leaves nothing behind", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const reader = get({ port: (server.address() as AddressInfo).port, host: "127.0.0.1" }).on("error", () => {});
  const [, response] = (await once(server, "request")) as [unknown, ServerResponse];
  const stream = openEventStream({ raw: response, hijack() {} } as unknown as FastifyReply);
  using _end = {
    [Symbol.dispose]() {
      stream.end();
      reader.destroy();
      server.close();
    },
  };
  const [received] = (await once(reader, "response")) as [IncomingMessage];
  const before = response.listenerCount("close");
  for (let times = 0; times < 3; times++) {
    const sent = stream.send("x".repeat(8 * 1024 * 1024));
    assert.ok(response.writableNeedDrain);
    received.resume();
    await sent;
    received.pause();
  }
  assert.equal(response.listenerCount("close"), before);
});
