import { once } from "node:events";
import { createServer, request } from "node:http";

export type CountingProxy = AsyncDisposable & { url: string; bytes: number };

/**
 * Stands between a browser and the service, and counts what comes back over the wire, heads included: also for those workers whose requests a tab knows
 * nothing of. What the API answers is not counted.
 */
export async function countingProxy(): Promise<CountingProxy> {
  const server = createServer((asked, answer) => {
    const { method, headers, url = "" } = asked;
    const onward = request(url, { method, headers }, (reply) => {
      answer.writeHead(reply.statusCode ?? 502, reply.rawHeaders);
      reply.pipe(answer);
      if (new URL(url).pathname.startsWith("/api/")) return;
      let bytes = Buffer.byteLength(`HTTP/1.1 ${reply.statusCode} ${reply.statusMessage}\r\n${reply.rawHeaders.join("::")}\r\n\r\n`);
      reply.on("data", (piece: Buffer) => {
        bytes += piece.length;
      });
      reply.on("end", () => {
        proxy.bytes += bytes;
      });
    });
    onward.on("error", () => answer.destroy());
    answer.on("close", () => onward.destroy());
    asked.pipe(onward);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const proxy: CountingProxy = {
    url: `http://127.0.0.1:${address.port}`,
    bytes: 0,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
  return proxy;
}
