import { connect } from "node:net";
import type { NetworkRequest, NetworkWatch } from "../sandbox.ts";
import type { Roads } from "./reach.ts";

/** Public addresses that tests give to their names; no road of theirs leads there. */
export const PUBLIC = "192.31.196.10";
export const PUBLIC_IPV6 = "2620:4f:8000::10";

export type Asked = { address: string; port: number };

/** Roads that lead every connection to servers on this host's loopback: `names` says what a name resolves to, `ports` where each port of a public address leads. */
export function testRoads(
  names: (name: string) => string[],
  ports: Readonly<Record<number, number>>,
): Roads & { resolved: string[]; asked: Asked[] } {
  const resolved: string[] = [];
  const asked: Asked[] = [];
  return {
    resolved,
    asked,
    async resolve(name) {
      resolved.push(name);
      return names(name);
    },
    connect(address, port) {
      asked.push({ address, port });
      return connect({ host: "127.0.0.1", port: ports[port] ?? 1, allowHalfOpen: true });
    },
  };
}

/** A watch that keeps what it is told. */
export function keepingWatch(): NetworkWatch & { requests: NetworkRequest[]; bytes: Map<NetworkRequest, number> } {
  const requests: NetworkRequest[] = [];
  const bytes = new Map<NetworkRequest, number>();
  return { requests, bytes, seen: (request) => void requests.push(request), ended: (request, count) => void bytes.set(request, count) };
}
