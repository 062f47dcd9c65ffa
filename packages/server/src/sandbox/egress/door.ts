import { constants } from "node:fs";
import { chmod, type FileHandle, open } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { basename, dirname } from "node:path";
import type { NetworkRequest, NetworkRule, NetworkWatch } from "../sandbox.ts";
import { decide } from "./decide.ts";
import { ambiguity, forward, MAX_HEADER_BYTES, refuseAnswer } from "./forward.ts";
import { internet, type Roads, reach } from "./reach.ts";
import { readAbsoluteForm, readConnectForm, type Target } from "./target.ts";

export type DoorOptions = {
  /** Absolute path of the socket to make; its directory is closed to other users of the host. */
  path: string;
  rule: NetworkRule;
  watch?: NetworkWatch | undefined;
  /** Absent: DNS and the internet. */
  roads?: Roads | undefined;
};

/** The way out of one sandbox. Disposal closes every connection and may be repeated. */
export interface Door extends AsyncDisposable {
  /** As Sandbox.watchedBy. */
  watchedBy(watch: NetworkWatch | null): Promise<void>;
}

/** More connections at once are closed as they come. */
const MOST_CONNECTIONS = 256;
const HEADERS_MS = 30_000;
const REQUEST_MS = 3_600_000;
const IDLE_MS = 600_000;
const NOBODY_WATCHES = "nobody works in this sandbox at the moment";

/** An HTTP proxy on a socket, for one sandbox: absolute-form and CONNECT, and only what the rule allows. */
export async function openDoor({ path, rule, watch: first, roads = internet }: DoorOptions): Promise<Door> {
  const closed = new AbortController();
  let watch = first;
  /** Aborts when whoever watches leaves. */
  let watched = new AbortController();
  const sockets = new Set<Socket>();
  const keep = (socket: Socket) => {
    sockets.add(socket);
    socket.setTimeout(IDLE_MS, () => socket.destroy());
    socket.on("error", () => {}).once("close", () => sockets.delete(socket));
    if (closed.signal.aborted) socket.destroy();
  };

  /** Decides, connects, and tells. null = it was refused or failed, and `refuse` was called. */
  async function admit(
    method: string,
    target: Target,
    refuse: (status: number, text: string, policy: boolean) => void,
  ): Promise<Socket | null> {
    const { host, port } = target;
    const { signal } = watched;
    const told = watch;
    if (signal.aborted) {
      refuse(403, `refused by policy: ${method} ${host}:${port} (${NOBODY_WATCHES})`, true);
      return null;
    }
    const verdict = decide(rule, host, port);
    const reached = verdict.decision === "allowed" ? await reach(host, port, roads, AbortSignal.any([closed.signal, signal])) : null;
    const request: NetworkRequest = { method, host, port, ...verdict };
    if (reached?.kind === "refused") Object.assign(request, { decision: "refused", rule: "public addresses only", reason: reached.reason });
    else if (reached?.kind === "failed") request.reason = reached.reason;
    told?.seen(request);
    if (reached?.kind !== "connected") {
      const isRefused = request.decision === "refused";
      const text = isRefused ? `refused by policy: ${method} ${host}:${port} (${request.reason})` : `Farhand: ${request.reason}`;
      refuse(isRefused ? 403 : 502, text, isRefused);
      return null;
    }
    const { socket } = reached;
    if (signal.aborted) socket.destroy();
    socket.once("close", () => told?.ended(request, socket.bytesRead + socket.bytesWritten));
    keep(socket);
    return socket;
  }

  function refuseMalformed(method: string, target: string, reason: string): string {
    const host = target.replace(/[^\x21-\x7e]/g, "?").slice(0, 100);
    watch?.seen({ method, host, port: 0, decision: "refused", rule: "valid requests", reason });
    return `refused by policy: ${method} ${host} (${reason})`;
  }

  async function take(message: IncomingMessage, answer: ServerResponse): Promise<void> {
    const method = message.method ?? "";
    const target = readAbsoluteForm(message.url ?? "");
    const fault = target === null ? "not the http address of a host on the internet" : ambiguity(message);
    if (target === null || fault !== null) {
      refuseAnswer(answer, 400, refuseMalformed(method, message.url ?? "", fault ?? ""), true);
      return;
    }
    const upstream = await admit(method, target, (status, text, policy) => refuseAnswer(answer, status, text, policy));
    if (upstream === null) return;
    if (answer.destroyed) upstream.destroy();
    else forward(message, answer, target, upstream);
  }

  async function tunnel(message: IncomingMessage, client: Socket, head: Buffer): Promise<void> {
    const refuse = (status: number, text: string) =>
      void client.end(
        `HTTP/1.1 ${status} ${status === 502 ? "Bad Gateway" : "Refused by policy"}\r\ncontent-type: text/plain\r\ncontent-length: ${Buffer.byteLength(text) + 1}\r\nconnection: close\r\n\r\n${text}\n`,
      );
    const target = readConnectForm(message.url ?? "");
    if (target === null) {
      refuse(400, refuseMalformed("CONNECT", message.url ?? "", "not a host and a port"));
      return;
    }
    const upstream = await admit("CONNECT", target, refuse);
    if (upstream === null) return;
    if (client.destroyed) {
      upstream.destroy();
      return;
    }
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      one.pipe(other); // an end goes on as an end
      one.once("error", () => other.destroy()).once("close", () => other.destroySoon());
    }
    client.write("HTTP/1.1 200 Connection established\r\n\r\n");
    if (head.length > 0) upstream.write(head);
  }

  const server = createServer({
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: HEADERS_MS,
    requestTimeout: REQUEST_MS,
    insecureHTTPParser: false,
    requireHostHeader: false, // the target is in the request line
  });
  server.maxConnections = MOST_CONNECTIONS;
  server.on("connection", keep);
  server.on("request", (message, answer) => void take(message, answer));
  server.on("connect", (message, client, head) => void tunnel(message, client as Socket, head));
  server.on("clientError", (error: NodeJS.ErrnoException, client) => {
    if (!error.code?.startsWith("HPE_") || !client.writable) return void client.destroy(); // it left, or was too slow
    refuseMalformed("", "", "no valid HTTP request");
    client.end("HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n");
  });

  const directory = await listen(server, path);
  let closing: Promise<void> | null = null;
  async function cutOff(): Promise<void> {
    const all = [...sockets].map((socket) => new Promise((resolve) => socket.once("close", resolve)));
    for (const socket of sockets) socket.destroy();
    await Promise.all(all);
  }
  return {
    async watchedBy(next) {
      watched.abort(new Error(NOBODY_WATCHES));
      await cutOff();
      watch = next ?? undefined;
      if (next) watched = new AbortController();
    },
    [Symbol.asyncDispose]() {
      closing ??= (async () => {
        closed.abort();
        const ended = new Promise((resolve) => server.close(resolve));
        await Promise.all([ended, cutOff()]);
        await directory.close();
      })();
      return closing;
    },
  };
}

/** By way of the directory's descriptor, since a socket's path has at most 107 bytes. The descriptor has to stay open as long as the server. */
async function listen(server: Server, path: string): Promise<FileHandle> {
  const directory = await open(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject).listen(`/proc/self/fd/${directory.fd}/${basename(path)}`, () => {
        server.off("error", reject);
        resolve();
      });
    });
    await chmod(path, 0o666); // who comes to it inside is another user; outside its directory keeps everybody off
  } catch (error) {
    server.close();
    await directory.close();
    throw error;
  }
  return directory;
}
