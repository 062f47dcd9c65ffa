import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { chatEvents } from "./model-server/chat.ts";
import { messagesEvents } from "./model-server/messages.ts";
import { responsesEvents } from "./model-server/responses.ts";
import type { Said, StreamEvent } from "./model-server/said.ts";

export type Form = "responses" | "chat" | "messages";

/** One answer to one request. */
export type Scripted =
  | Said
  /** Another status, with the body of the provider's own errors, or with this one. */
  | { status: number; headers?: Record<string, string>; message?: string; code?: string; body?: string }
  /** The connection ends without an answer. */
  | "hang up"
  /** The answer begins, and nothing comes of it. */
  | "silence"
  /** Text without end. */
  | "endless"
  /** The stream breaks off before its end, and with it the connection. */
  | { broken: Said }
  /** The stream breaks off before its end, with the connection closed as it should be. */
  | { unfinished: Said }
  /** It begins to answer only then, and comes to the end when `until` is there. */
  | { slow: Said; begin: Promise<unknown>; until: Promise<unknown> }
  /** The provider gives up within the stream. */
  | { failing: string };

/** `at`: when it came, in milliseconds of a clock that only goes forward. */
export type Asked = { form: Form; headers: IncomingHttpHeaders; body: Record<string, unknown>; at: number };

const PATHS: Record<string, Form> = { "/v1/responses": "responses", "/v1/chat/completions": "chat", "/v1/messages": "messages" };
const EVENTS = { responses: responsesEvents, chat: chatEvents, messages: messagesEvents };

export type ModelServer = AsyncDisposable & { url: string; asked: Asked[]; script: (...replies: Scripted[]) => void };

/** A provider of models over real HTTP, in all three forms: answers each request with the next of its script, always as a stream. */
export async function modelServer(...script: Scripted[]): Promise<ModelServer> {
  const asked: Asked[] = [];
  const left = [...script];
  const server = createServer((request, response) => {
    answer(request, response).catch((error) => response.destroy(error));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.url === "/v1/models") return json(response, 200, { object: "list", data: [{ id: "local-model", object: "model" }] });
    const form = PATHS[request.url ?? ""];
    if (!form) return json(response, 404, { error: { message: `no such path: ${request.url}` } });
    const body = JSON.parse(await text(request)) as Asked["body"];
    asked.push({ form, headers: request.headers, body, at: performance.now() });
    const next = left.shift() ?? { status: 400, message: "the script is over" };
    if (next === "hang up") return void request.socket.destroy();
    if (typeof next === "object" && "status" in next) {
      const { status, headers = {}, message = "scripted", code = "scripted_error" } = next;
      const error = form === "messages" ? { type: "error", error: { type: code, message } } : { error: { message, type: code, code } };
      response.writeHead(status, { "content-type": "application/json", ...headers });
      return void response.end(next.body ?? JSON.stringify(error));
    }
    response.writeHead(200, { "content-type": "text/event-stream" });
    if (next === "silence") return response.flushHeaders();
    const write = (events: readonly StreamEvent[]) => {
      for (const { event, data } of events)
        response.write(`${event ? `event: ${event}\n` : ""}data: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`);
    };
    const model = String(body.model);
    if (next === "endless") {
      const { begin } = EVENTS[form]({ text: "on and ".repeat(2000) }, model, asked.length);
      const delta = begin.filter(({ data }) => JSON.stringify(data).includes("on and"));
      write(begin);
      while (!response.destroyed) if (!response.write("") || !(await written(response, () => write(delta)))) return;
      return;
    }
    if ("failing" in next) {
      const error = { message: next.failing, type: "server_error", code: "server_error" };
      write(form === "messages" ? [{ event: "error", data: { type: "error", error: { ...error, type: "overloaded_error" } } }] : []);
      if (form === "responses") write([{ event: "error", data: { ...error, type: "error", sequence_number: 1, param: null } }]);
      if (form === "chat") write([{ data: { error } }]);
      return void response.end();
    }
    const said = "broken" in next ? next.broken : "unfinished" in next ? next.unfinished : "slow" in next ? next.slow : next;
    const { begin, end } = EVENTS[form](said, model, asked.length);
    if ("slow" in next) await next.begin;
    write(begin);
    if ("slow" in next) await next.until;
    if ("broken" in next) return void setImmediate(() => request.socket.destroy());
    if (!("unfinished" in next)) write(end);
    response.end();
  }

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    asked,
    script: (...replies) => void left.push(...replies),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/** Waits until the reader has taken it; false: it has gone. */
async function written(response: ServerResponse, write: () => void): Promise<boolean> {
  write();
  if (response.writableNeedDrain) await Promise.race([once(response, "drain"), once(response, "close")]);
  else await new Promise((done) => setImmediate(done));
  return !response.destroyed;
}

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}
