import { type IncomingHttpHeaders, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { pipeline } from "node:stream";
import type { Target } from "./target.ts";

export const MAX_HEADER_BYTES = 32 * 1024;

/** Of one connection only. What `Connection` names is added to them. */
const HOP_BY_HOP = [
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "http2-settings",
  "expect",
];

/** Why a request could be read in two ways, and so is not passed on; null = it cannot. Node's own parser has refused the rest. */
export function ambiguity(message: IncomingMessage): string | null {
  const encoding = message.headers["transfer-encoding"];
  if (encoding !== undefined && encoding.toLowerCase() !== "chunked") return "its transfer encoding is not chunked";
  if (encoding !== undefined && message.httpVersion !== "1.1") return "only HTTP/1.1 has chunks";
  if (encoding !== undefined && message.headers["content-length"] !== undefined) return "it has two lengths";
  if ((message.headersDistinct.host?.length ?? 0) > 1) return "it names two hosts";
  return null;
}

/** Passes one request on over a connection of its own and the answer back, then closes the connection. Header fields are written anew, the body is framed anew. */
export function forward(message: IncomingMessage, answer: ServerResponse, target: Target, upstream: Socket): void {
  const headers = { ...endToEnd(message), host: target.authority, connection: "close" };
  const chunked = message.headers["transfer-encoding"] !== undefined;
  const passed = request({
    createConnection: () => upstream,
    method: message.method,
    path: target.path,
    headers: chunked ? { ...headers, "transfer-encoding": "chunked" } : headers,
    setHost: false,
    maxHeaderSize: MAX_HEADER_BYTES,
  });
  if (!chunked && message.headers["content-length"] === undefined) passed.useChunkedEncodingByDefault = false;
  passed.on("response", (received) => {
    try {
      answer.writeHead(received.statusCode ?? 502, received.statusMessage ?? "", endToEnd(received));
    } catch {
      upstream.destroy();
      refuseAnswer(answer, 502, "the server's answer is no valid HTTP");
      return;
    }
    pipeline(received, answer, () => upstream.destroy());
  });
  passed.on("error", () => {
    upstream.destroy();
    refuseAnswer(answer, 502, "the connection to the server broke");
  });
  answer.on("close", () => upstream.destroy());
  pipeline(message, passed, () => {}); // a failure shows in one of the two above
}

/** Ends an answer that has not begun; one that has is cut off. */
export function refuseAnswer(answer: ServerResponse, status: number, text: string, policy = false): void {
  if (answer.headersSent) {
    answer.destroy();
    return;
  }
  const body = `${text}\n`;
  const headers = { "content-type": "text/plain; charset=utf-8", "content-length": Buffer.byteLength(body), connection: "close" };
  answer
    .writeHead(status, { ...headers, "proxy-status": `farhand; error=${policy ? "http_request_denied" : "proxy_internal_response"}` })
    .end(body);
}

function endToEnd(message: IncomingMessage): Record<string, string[]> {
  const named = (message.headers.connection ?? "").toLowerCase().split(",");
  const left = new Set([...HOP_BY_HOP, ...named.map((name) => name.trim())]);
  left.delete("content-length"); // without it the body would be framed in another way
  const all = message.headersDistinct as Partial<Record<keyof IncomingHttpHeaders, string[]>>;
  return Object.fromEntries(
    Object.entries(all).filter((entry): entry is [string, string[]] => !left.has(entry[0]) && entry[1] !== undefined),
  );
}
