import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { ApiError, type Connection, connect, Unreachable } from "./client.ts";
import type { TaskEvent } from "./event.ts";
import { eventParser } from "./event-stream.ts";

type Answer = (request: IncomingMessage, response: ServerResponse, body: string) => void;

/** A small real HTTP server; `answer` may be replaced while it runs. */
async function serve(answer: Answer) {
  const seen: { method: string; path: string; headers: IncomingMessage["headers"]; body: string }[] = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const piece of request) body += piece;
    seen.push({ method: request.method ?? "", path: request.url ?? "", headers: request.headers, body });
    here.answer(request, response, body);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const here = {
    url,
    seen,
    answer,
    client: connect({ url: `${url}/`, token: "secret", timing: { retryMs: 1, maxRetryMs: 5, silenceMs: 60_000 } }),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return here;
}

const give = (response: ServerResponse, status: number, value: unknown) => {
  response.writeHead(status, { "content-type": status < 400 ? "application/json" : "application/problem+json" }).end(JSON.stringify(value));
};
const user = { id: "u1", name: "Ada", email: "ada@example.org", role: "administrator" as const, hasPassword: true };
const event = (seq: number): TaskEvent => ({
  task: "t1",
  seq,
  at: "2026-01-02T03:04:05.000Z",
  turn: 1,
  attempt: 1,
  run: 1,
  body: { type: "message", step: 1, text: `m${seq}\r\nü` },
});
const sse = (...seqs: number[]) => seqs.map((seq) => `id: ${seq}\ndata: ${JSON.stringify(event(seq))}\n\n`).join("");
const stream = (response: ServerResponse) => response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8" });

/** Takes `count` events, then ends the stream. */
async function take(events: AsyncIterable<TaskEvent>, count: number): Promise<number[]> {
  const seqs: number[] = [];
  for await (const one of events) if (seqs.push(one.seq) === count) break;
  return seqs;
}

test("a call carries the token, and its answer is checked", async () => {
  await using server = await serve((_, response) => give(response, 200, user));
  assert.deepEqual(await server.client.me(), user);
  assert.deepEqual([server.seen[0]?.path, server.seen[0]?.headers.authorization], ["/api/v1/me", "Bearer secret"]);
  server.answer = (_, response) => give(response, 200, { ...user, role: "emperor" });
  await assert.rejects(
    server.client.me(),
    (error) => error instanceof Unreachable && /not understood \(role: .*different versions/.test(error.message),
  );
});

test("a problem keeps status, code and words", async () => {
  const problem = {
    type: "about:blank",
    title: "Not Found",
    status: 404,
    detail: 'there is no task "x": see farhand list',
    code: "no-task",
  };
  await using server = await serve((_, response) => give(response, 404, problem));
  await assert.rejects(
    server.client.task("x"),
    (error) => error instanceof ApiError && error.status === 404 && error.code === "no-task" && error.message === problem.detail,
  );
  assert.equal(server.seen.length, 1, "a refusal is not tried again");
});

test("somebody else's answer is named as such", async () => {
  await using server = await serve((_, response) => response.writeHead(502, { "content-type": "text/html" }).end("<h1>Bad gateway</h1>"));
  await assert.rejects(
    server.client.me(),
    (error) => error instanceof ApiError && error.code === "http-502" && /status 502, and not as Farhand does/.test(error.message),
  );
  server.answer = (_, response) => response.writeHead(200).end("<h1>Router login</h1>");
  await assert.rejects(server.client.me(), /does not answer as Farhand does/);
  server.answer = (_, response) => response.writeHead(301, { location: "https://elsewhere.example/" }).end();
  await assert.rejects(server.client.me(), /redirects to https:\/\/elsewhere\.example\/: use that address/);
});

test("where nobody listens it says so at once", async () => {
  const url = "http://127.0.0.1:2"; // a port that is given to nobody who asks for any
  const calls: string[] = [];
  const client = connect({
    url,
    token: "",
    fetch: (input, init) => {
      calls.push(String(input));
      return fetch(input, init);
    },
  });
  await assert.rejects(
    client.me(),
    (error) =>
      error instanceof Unreachable && error.message === `cannot reach Farhand at ${url} (ECONNREFUSED): is it running? (npm start)`,
  );
  assert.equal(calls.length, 1);
  await using plain = await serve(() => {});
  const https = connect({ url: plain.url.replace("http:", "https:"), token: "" });
  await assert.rejects(https.me(), /does not speak https \(\w+\): is the address one with http:\/\/\?/);
  assert.throws(() => connect({ url: "file:///etc/passwd", token: "" }), /no address of Farhand/);
  assert.throws(() => connect({ url: "https://u:p@host", token: "" }), /must not hold a user name/);
});

test("a creation whose connection is lost goes out again under the same key", async () => {
  const bob = { name: "Bob", email: "bob@example.org" };
  let lost = 0;
  await using server = await serve((request, response) => {
    if (lost++ < 2) request.socket.destroy();
    else give(response, 201, { id: "usr_1", name: "Bob", email: "bob@example.org", role: "member" });
  });
  assert.equal((await server.client.createUser(bob)).id, "usr_1");
  const keys = server.seen.map((call) => call.headers["idempotency-key"]);
  assert.equal(keys.length, 3);
  assert.equal(new Set(keys).size, 1);
  assert.ok(keys[0]);
  assert.ok(server.seen.every((call) => call.body === JSON.stringify(bob)));
  await server.client.createUser(bob);
  assert.notEqual(server.seen.at(-1)?.headers["idempotency-key"], keys[0], "the next call is another creation");
});

test("a change that is not known to be harmless goes out once", async () => {
  await using server = await serve((request) => request.socket.destroy());
  await assert.rejects(server.client.changeEnvironment("shop", { publish: "always" }), Unreachable);
  assert.equal(server.seen.length, 1);
});

test("names in paths and queries are escaped, and bytes arrive as they are", async () => {
  await using server = await serve((_, response) =>
    response.writeHead(200, { "content-type": "text/x-diff" }).end(Buffer.from([0, 255, 10])),
  );
  assert.deepEqual(await server.client.patch("a/../b?c", 2), new Uint8Array([0, 255, 10]));
  assert.equal(server.seen[0]?.path, "/api/v1/tasks/a%2F..%2Fb%3Fc/attempts/2/patch");
  server.answer = (_, response) => give(response, 200, { tasks: [], cursor: null });
  await server.client.tasks({ limit: 5, environment: "a&b", archived: false });
  assert.equal(server.seen[1]?.path, "/api/v1/tasks?limit=5&environment=a%26b&archived=false");
});

test("the stream goes on where it broke, without a gap or a repeat, over every kind of break", async () => {
  await using server = await serve((request, response) => {
    const after = Number(request.headers["last-event-id"] ?? 0);
    switch (server.seen.length) {
      case 1: // breaks in the middle of an event
        stream(response).write(sse(1, 2) + sse(3).slice(0, 20), () => request.socket.destroy());
        return;
      case 2:
        response.writeHead(503).end("away");
        return;
      case 3: // repeats what is known, then leaves one out
        stream(response).end(sse(after, after + 1, after + 3));
        return;
      case 4:
        request.socket.destroy();
        return;
      default:
        stream(response).write(`: heartbeat\n\n${sse(after + 1, after + 2)}`);
    }
  });
  const connections: Connection[] = [];
  assert.deepEqual(await take(server.client.events("t1", { onConnection: (one) => connections.push(one) }), 5), [1, 2, 3, 4, 5]);
  assert.deepEqual(
    server.seen.map((call) => call.headers["last-event-id"]),
    [undefined, "2", "2", "3", "3"],
  );
  assert.deepEqual(
    connections.map((one) => one.state),
    ["open", "lost", "lost", "open", "lost", "lost", "open"],
  );
});

test("what is being written comes beside the events, for whoever asks", async () => {
  const writing = { task: "t1", turn: 1, attempt: 1, run: 1, step: 1, from: 0, text: "Half a\nsentence" };
  await using server = await serve((_, response) => stream(response).write(`${sse(1)}data: ${JSON.stringify(writing)}\n\n${sse(2)}`));
  const heard: unknown[] = [];
  assert.deepEqual(await take(server.client.events("t1", { onWriting: (one) => heard.push(one) }), 2), [1, 2]);
  assert.deepEqual(heard, [writing]);
  assert.deepEqual(await take(server.client.events("t1"), 2), [1, 2]);
  assert.deepEqual(
    server.seen.map(({ path }) => path.split("events")[1]),
    ["?writing=true", ""],
  );
});

test("a stream that falls silent is opened again; heartbeats keep it", async () => {
  await using server = await serve((request, response) => {
    stream(response).write(sse(Number(request.headers["last-event-id"] ?? 0) + 1)); // on a slow machine it is opened again before that was read
  });
  const client = connect({ url: server.url, token: "x", timing: { retryMs: 1, maxRetryMs: 5, silenceMs: 50 } });
  assert.deepEqual(await take(client.events("t1"), 3), [1, 2, 3]);

  const beats: NodeJS.Timeout[] = [];
  server.seen.length = 0;
  server.answer = (_, response) => {
    stream(response);
    let n = 0;
    beats.push(setInterval(() => response.write(++n < 50 ? ":\n\n" : sse(1)), 50));
  };
  const patient = connect({ url: server.url, token: "x", timing: { silenceMs: 2000 } });
  assert.deepEqual(await take(patient.events("t1"), 1), [1]);
  for (const beat of beats) clearInterval(beat);
  assert.equal(server.seen.length, 1);
});

test("the stream ends quietly when its signal aborts, while it reads and while it waits", async () => {
  await using server = await serve((_, response) => {
    stream(response).write(sse(1));
  });
  const stop = new AbortController();
  const seqs: number[] = [];
  for await (const one of server.client.events("t1", { signal: stop.signal })) {
    seqs.push(one.seq);
    setImmediate(() => stop.abort());
  }
  assert.deepEqual(seqs, [1]);

  server.answer = (_, response) => response.writeHead(503).end();
  const waiting = new AbortController();
  const slow = connect({ url: server.url, token: "x", timing: { retryMs: 60_000, maxRetryMs: 60_000 } });
  for await (const _ of slow.events("t1", { signal: waiting.signal, onConnection: () => waiting.abort() })) assert.fail("no event came");
});

test("a refusal, a gap that stays and an unknown event end the stream with their reason", async () => {
  const problem = { type: "about:blank", title: "Unauthorized", status: 401, detail: "this token was revoked", code: "unauthorized" };
  await using server = await serve((_, response) => give(response, 401, problem));
  await assert.rejects(take(server.client.events("t1"), 1), (error) => error instanceof ApiError && error.code === "unauthorized");
  server.answer = (_, response) => void stream(response).end(sse(7));
  await assert.rejects(take(server.client.events("t1"), 1), /have a gap: event 7 came where 1 was expected/);
  server.answer = (_, response) => void stream(response).end('data: {"seq":1}\n\n');
  await assert.rejects(take(server.client.events("t1"), 1), /not understood: client and service may be of different versions/);
  server.answer = (_, response) => give(response, 200, {});
  await assert.rejects(take(server.client.events("t1"), 1), /does not answer with a stream/);
});

test("events are read from pieces of any size, with any line ends", () => {
  const text = ": hello\r\n\r\nid: 1\r\ndata: {\r\ndata:1}\r\n\r\nevent: x\n\ndata: two\n\ndata: not complete";
  for (const size of [1, 2, 3, 7, text.length]) {
    const parse = eventParser();
    const got: string[] = [];
    for (let at = 0; at < text.length; at += size) got.push(...parse(text.slice(at, at + size)));
    assert.deepEqual(got, ["{\n1}", "two"], `in pieces of ${size}`);
  }
});
