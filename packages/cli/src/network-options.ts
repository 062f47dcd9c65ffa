import { type Environment, NetworkPreset, type NewNetworkPolicy } from "@farhand/protocol";
import { Failure, USAGE } from "./failure.ts";
import { wholeNumber } from "./invocation.ts";

export type NetworkOptions = { network?: string; allow?: string[]; preset?: string[]; allowPort?: string[] };

/** The whole policy that the options ask for; null = they say nothing of it. Domains are judged by the service. Throws Failure. */
export function networkPolicy({ network, allow = [], preset = [], allowPort = [] }: NetworkOptions): NewNetworkPolicy | null {
  const lists = allow.length + preset.length > 0;
  if (network === undefined && !lists && allowPort.length === 0) return null;
  const kind = network ?? (lists ? "allow" : undefined);
  const ports = allowPort.length > 0 ? { ports: allowPort.map((port) => wholeNumber("--allow-port", port)) } : {};
  switch (kind) {
    case "allow":
      if (!lists) throw new Failure("--network allow allows nothing yet: name domains with --allow or a list with --preset", USAGE);
      return { kind, domains: allow, presets: preset.map(presetNamed), ...ports };
    case "all":
      if (lists) throw new Failure("--network all needs no --allow or --preset: it allows every public host", USAGE);
      return { kind, ...ports };
    case "none":
      if (lists || allowPort.length > 0)
        throw new Failure("--network none allows nothing: leave out --allow, --preset and --allow-port", USAGE);
      return { kind };
    case undefined:
      throw new Failure("--allow-port goes with --network all, --allow or --preset", USAGE);
    default:
      throw new Failure(`--network takes none, allow or all, not ${JSON.stringify(kind)}`, USAGE);
  }
}

function presetNamed(text: string): NetworkPreset {
  const found = NetworkPreset.options.find((name) => name === text);
  if (found) return found;
  throw new Failure(`there is no preset ${JSON.stringify(text)}; there are: ${NetworkPreset.options.join(", ")}`, USAGE);
}

/** The policy for people: what it is, and every domain that it allows. */
export function networkRows({ network, allowedDomains }: Environment): [string, string][] {
  if (network.kind === "none") return [["network", "none"]];
  const ports = `port${network.ports.length === 1 ? "" : "s"} ${network.ports.join(", ")}`;
  if (network.kind === "all") return [["network", `all public hosts, ${ports}`]];
  const presets = network.presets.length > 0 ? `; presets: ${network.presets.join(", ")}` : "";
  return [
    ["network", `these domains and their subdomains, ${ports}${presets}`],
    ...inRows(allowedDomains).map((row): [string, string] => ["", row]),
  ];
}

function inRows(domains: readonly string[], width = 100): string[] {
  const rows: string[] = [];
  for (const domain of domains) {
    const last = rows.at(-1);
    if (last !== undefined && last.length + domain.length + 2 <= width) rows[rows.length - 1] = `${last}, ${domain}`;
    else rows.push(domain);
  }
  return rows;
}
