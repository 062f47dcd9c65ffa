import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, get, type ServerResponse } from "node:http";
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
