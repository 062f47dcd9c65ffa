import { Resolver } from "node:dns/promises";
import { connect, isIP, type Socket } from "node:net";
import { whyNotPublic } from "./addresses.ts";

/** How names become addresses and addresses connections. Tests lead both to servers of their own. */
export type Roads = {
  /** All addresses of a name; empty = there is no such name. */
  resolve(name: string, signal: AbortSignal): Promise<string[]>;
  connect(address: string, port: number): Socket;
};

export type Reached = { kind: "connected"; socket: Socket } | { kind: "refused"; reason: string } | { kind: "failed"; reason: string };

const CONNECT_MS = 15_000;
const MOST_ADDRESSES = 4;

/** DNS itself, not the host's own list of names; without the thread pool that the worker's files need. */
export const internet: Roads = {
  async resolve(name, signal) {
    const resolver = new Resolver({ timeout: 3000, tries: 3 });
    const cancel = () => resolver.cancel();
    signal.addEventListener("abort", cancel, { once: true });
    try {
      const [v4, v6] = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)]);
      return [v4, v6].flatMap((result) => (result.status === "fulfilled" ? result.value : []));
    } finally {
      signal.removeEventListener("abort", cancel);
    }
  },
  connect: (address, port) => connect({ host: address, port, allowHalfOpen: true }),
};

/**
 * Connects to a name or address. A name is resolved once, every address of it that is not public is left out, and the connection goes to the
 * very address that was judged. So a name that answers differently the next time does not matter.
 */
export async function reach(host: string, port: number, roads: Roads, signal: AbortSignal): Promise<Reached> {
  const addresses = isIP(host) === 0 ? await roads.resolve(host, signal).catch(() => []) : [host];
  if (addresses.length === 0) return { kind: "failed", reason: `no address of ${host} was found` };
  const faults = addresses.map(whyNotPublic);
  const open = addresses.filter((_, index) => faults[index] === null);
  if (open.length === 0) return { kind: "refused", reason: String(faults[0]) };
  let last = "";
  for (const address of open.slice(0, MOST_ADDRESSES)) {
    if (signal.aborted) break;
    try {
      return { kind: "connected", socket: await connected(roads.connect(address, port), signal) };
    } catch (error) {
      last = (error as NodeJS.ErrnoException).code ?? "no answer";
    }
  }
  return { kind: "failed", reason: `${host} could not be reached (${last})` };
}

function connected(socket: Socket, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const give = (error: Error | null) => {
      clearTimeout(timer);
      signal.removeEventListener("abort", stop);
      socket.off("connect", arrived).off("error", give);
      socket.on("error", () => {}); // whoever uses it sees it close
      if (error === null) return resolve(socket);
      socket.destroy();
      reject(error);
    };
    const arrived = () => give(null);
    const stop = () => give(Object.assign(new Error("stopped"), { code: "stopped" }));
    const timer = setTimeout(() => give(Object.assign(new Error("no answer"), { code: "ETIMEDOUT" })), CONNECT_MS);
    signal.addEventListener("abort", stop, { once: true });
    socket.once("connect", arrived).once("error", give);
    if (signal.aborted) stop();
  });
}
