import { once } from "node:events";
import { createServer, connect as open, type Socket } from "node:net";

/** A way to a database that can be cut as a broken network does it: nothing arrives any more, and nobody is told. */
export interface Way extends AsyncDisposable {
  readonly url: string;
  cut(): void;
}

/** `url` names a server on a Unix socket, as the embedded one is. */
export async function wayTo(url: string): Promise<Way> {
  const target = new URL(url);
  const path = `${target.searchParams.get("host")}/.s.PGSQL.${target.port || 5432}`;
  const sockets = new Set<Socket>();
  let isCut = false;
  const server = createServer((near) => {
    const far = open(path);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on("error", () => {});
    }
    near.on("data", (bytes) => isCut || far.write(bytes));
    far.on("data", (bytes) => isCut || near.write(bytes));
    near.on("close", () => far.destroy());
    far.on("close", () => isCut || near.destroy());
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const way = new URL(url);
  way.search = "";
  way.host = `127.0.0.1:${address.port}`;
  return {
    url: way.href,
    cut() {
      isCut = true;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
