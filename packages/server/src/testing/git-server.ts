import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export type GitServer = AsyncDisposable & {
  /** http://127.0.0.1:PORT */
  url: string;
  /** Method and path of each request, with what it was let in with. */
  requests: { method: string; path: string; authorization: string | null }[];
};

export type GitServerOptions = {
  /** Folder of bare repositories: /shop.git on the server is `root`/shop.git. */
  root: string;
  /** Password that every request must bring, under any user name; null = open to all. */
  token?: string | null;
  /** What the token may not do. */
  readOnly?: boolean;
  /** Answers instead of git where it returns true. */
  before?: (request: IncomingMessage, response: ServerResponse) => boolean;
};

/** A Git host over HTTP: the real `git http-backend` behind a server on the loopback interface. */
export async function startGitServer(options: GitServerOptions): Promise<GitServer> {
  const requests: GitServer["requests"] = [];
  const server = createServer((request, response) => {
    const path = request.url ?? "/";
    requests.push({ method: request.method ?? "", path, authorization: request.headers.authorization ?? null });
    if (options.before?.(request, response)) return;
    const token = options.token ?? null;
    if (token !== null && passwordOf(request) !== token) {
      response.writeHead(401, { "www-authenticate": 'Basic realm="git"' }).end();
    } else if (options.readOnly && path.includes("git-receive-pack")) {
      response.writeHead(403).end();
    } else answer(request, response, options.root);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      if (server.listening) await new Promise((resolve) => server.close(resolve));
    },
  };
}

function passwordOf(request: IncomingMessage): string | null {
  const [scheme, value] = (request.headers.authorization ?? "").split(" ");
  if (scheme !== "Basic" || !value) return null;
  return Buffer.from(value, "base64").toString().split(":").slice(1).join(":");
}

/** Plays the web server's part of CGI. */
function answer(request: IncomingMessage, response: ServerResponse, root: string): void {
  const url = new URL(request.url ?? "/", "http://localhost");
  const settings = ["http.receivepack=true", "uploadpack.allowAnySHA1InWant=true", "safe.directory=*"];
  const child = spawn("git", [...settings.flatMap((one) => ["-c", one]), "http-backend"], {
    env: {
      PATH: process.env.PATH,
      HOME: "/nonexistent",
      GIT_CONFIG_NOSYSTEM: "1",
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: "1",
      PATH_INFO: decodeURIComponent(url.pathname),
      QUERY_STRING: url.search.slice(1),
      REQUEST_METHOD: request.method ?? "GET",
      CONTENT_TYPE: request.headers["content-type"] ?? "",
      HTTP_CONTENT_ENCODING: request.headers["content-encoding"] ?? "",
      ...(request.headers["content-length"] ? { CONTENT_LENGTH: request.headers["content-length"] } : {}),
      ...(request.headers["git-protocol"] ? { GIT_PROTOCOL: String(request.headers["git-protocol"]) } : {}),
      REMOTE_USER: "somebody",
      REMOTE_ADDR: "127.0.0.1",
    },
    stdio: ["pipe", "pipe", "ignore"],
  });
  child.stdin.on("error", () => {});
  request.pipe(child.stdin);
  response.on("close", () => child.kill());
  let head = Buffer.alloc(0);
  const onHead = (chunk: Buffer) => {
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf("\r\n\r\n");
    if (end < 0) return;
    child.stdout.off("data", onHead);
    const headers = head
      .subarray(0, end)
      .toString()
      .split("\r\n")
      .map((line) => line.split(": ") as [string, string]);
    const status = headers.find(([name]) => name.toLowerCase() === "status")?.[1];
    response.writeHead(
      status ? Number.parseInt(status, 10) : 200,
      Object.fromEntries(headers.filter(([name]) => name.toLowerCase() !== "status")),
    );
    response.write(head.subarray(end + 4));
    child.stdout.pipe(response);
  };
  child.stdout.on("data", onHead);
  child.on("error", () => response.destroy());
}
