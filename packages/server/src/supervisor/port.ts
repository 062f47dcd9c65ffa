import { createServer } from "node:net";
import { StartupError } from "../config.ts";

/** Throws StartupError when the service could not listen there. Somebody else may still take the port in the next moment. */
export async function requireFreePort(host: string, port: number): Promise<void> {
  const server = createServer();
  const code = await new Promise<string | null>((done) => {
    server.once("error", (error: NodeJS.ErrnoException) => done(error.code ?? error.message));
    server.listen({ host, port, exclusive: true }, () => server.close(() => done(null)));
  });
  if (code !== null) throw new StartupError(whyNot(code, host, port));
}

function whyNot(code: string, host: string, port: number): string {
  if (code === "EADDRINUSE")
    return `FARHAND_PORT: port ${port} on ${host} is taken by another program. Stop that one, or set FARHAND_PORT to a free port.`;
  if (code === "EACCES") return `FARHAND_PORT: this user may not listen on port ${port}. Set FARHAND_PORT to one from 1024.`;
  if (code === "EADDRNOTAVAIL" || code === "ENOTFOUND" || code === "EAI_AGAIN")
    return `FARHAND_HOST: ${host} is no address of this machine (${code}).`;
  return `FARHAND_HOST, FARHAND_PORT: cannot listen on ${host}, port ${port} (${code}).`;
}
