import { BlockList, isIP } from "node:net";
import { networkInterfaces } from "node:os";

/** Blocks of IPv4 that are not the public internet, or that reach into the host's own surroundings from within it. */
const IPV4: readonly (readonly [string, number, string])[] = [
  ["0.0.0.0", 8, "no"],
  ["10.0.0.0", 8, "a private"],
  ["100.64.0.0", 10, "a carrier's private"],
  ["127.0.0.0", 8, "a loopback"],
  ["168.63.129.16", 32, "a cloud metadata"],
  ["169.254.0.0", 16, "a link-local"],
  ["172.16.0.0", 12, "a private"],
  ["192.0.0.0", 24, "a reserved"],
  ["192.0.2.0", 24, "a documentation"],
  ["192.88.99.0", 24, "a reserved"],
  ["192.168.0.0", 16, "a private"],
  ["198.18.0.0", 15, "a benchmark"],
  ["198.51.100.0", 24, "a documentation"],
  ["203.0.113.0", 24, "a documentation"],
  ["224.0.0.0", 4, "a multicast"],
  ["240.0.0.0", 4, "a reserved"],
];

/** Within 2000::/3, outside of which no IPv6 address is public: so mapped, translated, link-local and multicast ones never are. */
const IPV6: readonly (readonly [string, number, string])[] = [
  ["2001::", 23, "a tunnelled or reserved"],
  ["2001:db8::", 32, "a documentation"],
  ["2002::", 16, "a tunnelled"],
  ["3fff::", 20, "a documentation"],
];

const refusedBlocks = [
  ...IPV4.map(([network, prefix, words]) => ({ list: block(network, prefix, "ipv4"), family: 4, words })),
  ...IPV6.map(([network, prefix, words]) => ({ list: block(network, prefix, "ipv6"), family: 6, words })),
];
const globalUnicast = block("2000::", 3, "ipv6");

function block(network: string, prefix: number, family: "ipv4" | "ipv6"): BlockList {
  const list = new BlockList();
  list.addSubnet(network, prefix, family);
  return list;
}

/** Why nothing in a sandbox may connect to this address, in words; null = it is public and not this host's own. */
export function whyNotPublic(address: string): string | null {
  const family = isIP(address);
  if (family === 0 || address.includes("%")) return `${address} is no plain address`;
  const type = family === 4 ? "ipv4" : "ipv6";
  if (family === 6 && !globalUnicast.check(address, type)) return `${address} is no public address`;
  const found = refusedBlocks.find((one) => one.family === family && one.list.check(address, type));
  if (found) return `${address} is ${found.words} address`;
  return isOwn(address, type) ? `${address} is an address of Farhand's own host` : null;
}

/** What this host serves to its own network only is not for sandboxes, public as its address may be. */
function isOwn(address: string, type: "ipv4" | "ipv6"): boolean {
  const own = new BlockList();
  for (const each of Object.values(networkInterfaces()).flat()) {
    if (each && each.family.toLowerCase() === type) own.addAddress(each.address, type);
  }
  return own.check(address, type);
}
