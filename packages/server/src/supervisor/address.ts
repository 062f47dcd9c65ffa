import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** What the service listens on. */
export type Address = { host: string; port: number };

/** The name or number under which a program on this machine reaches what listens on `host`. */
export function reachable({ host }: Address): string {
  return host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
}

/** Says in `<home>/address` where the service is, so that the command line of this machine finds it. */
export async function noteAddress(home: string, address: Address): Promise<void> {
  const host = reachable(address);
  const file = join(home, "address");
  await writeFile(`${file}.new`, `http://${host.includes(":") ? `[${host}]` : host}:${address.port}\n`);
  await rename(`${file}.new`, file);
}
