import type { NetworkPolicy } from "@farhand/protocol";
import { allowedDomains } from "../network-presets.ts";

/** What both the environment's policy and the wish allow; `refused` names what only the wish does. */
export function narrowerNetwork(policy: NetworkPolicy, wish: NetworkPolicy): { network: NetworkPolicy; refused: string[] } {
  if (wish.kind === "none") return { network: wish, refused: [] };
  if (policy.kind === "none") return { network: policy, refused: inWords(wish) };
  const ports = wish.ports.filter((port) => policy.ports.includes(port));
  const refused = wish.ports.filter((port) => !policy.ports.includes(port)).map((port) => `port ${port}`);
  if (ports.length === 0) return { network: { kind: "none" }, refused };
  if (policy.kind === "all") return { network: { ...wish, ports }, refused };
  if (wish.kind === "all") return { network: { ...policy, ports }, refused: [...inWords(wish), ...refused] };
  const allowed = allowedDomains(policy);
  const wished = allowedDomains(wish);
  const domains = [...wished.filter((one) => isUnder(one, allowed)), ...allowed.filter((one) => isUnder(one, wished))];
  refused.unshift(...wished.filter((one) => !isUnder(one, allowed)));
  if (domains.length === 0) return { network: { kind: "none" }, refused };
  return { network: { kind: "allow", domains: [...new Set(domains)], presets: [], ports }, refused };
}

function inWords(policy: NetworkPolicy): string[] {
  return policy.kind === "all" ? ["every public host"] : allowedDomains(policy);
}

const isUnder = (domain: string, domains: readonly string[]) => domains.some((one) => domain === one || domain.endsWith(`.${one}`));
