import { type Environment, type NetworkPolicy, NetworkPreset, type NewNetworkPolicy } from "@farhand/protocol";
import { Failure, USAGE } from "./failure.ts";
import { wholeNumber } from "./invocation.ts";

export type NetworkOptions = { network?: string; allow?: string[]; preset?: string[]; allowPort?: string[] };
export type SetupNetworkOptions = { setupNetwork?: string; setupAllow?: string[]; setupPreset?: string[]; setupAllowPort?: string[] };

/** The policy for setup that the options ask for; as below. */
export function setupNetworkPolicy(options: SetupNetworkOptions): NewNetworkPolicy | null {
  const { setupNetwork: network, setupAllow: allow, setupPreset: preset, setupAllowPort: allowPort } = options;
  return networkPolicy(
    { ...(network && { network }), ...(allow && { allow }), ...(preset && { preset }), ...(allowPort && { allowPort }) },
    "setup-",
  );
}

/** The whole policy that the options ask for; null = they say nothing of it. Domains are judged by the service. Throws Failure. */
export function networkPolicy({ network, allow = [], preset = [], allowPort = [] }: NetworkOptions, of = ""): NewNetworkPolicy | null {
  const lists = allow.length + preset.length > 0;
  if (network === undefined && !lists && allowPort.length === 0) return null;
  const kind = network ?? (lists ? "allow" : undefined);
  const ports = allowPort.length > 0 ? { ports: allowPort.map((port) => wholeNumber(`--${of}allow-port`, port)) } : {};
  switch (kind) {
    case "allow":
      if (!lists)
        throw new Failure(`--${of}network allow allows nothing yet: name domains with --${of}allow or a list with --${of}preset`, USAGE);
      return { kind, domains: allow, presets: preset.map(presetNamed), ...ports };
    case "all":
      if (lists) throw new Failure(`--${of}network all needs no --${of}allow or --${of}preset: it allows every public host`, USAGE);
      return { kind, ...ports };
    case "none":
      if (lists || allowPort.length > 0)
        throw new Failure(`--${of}network none allows nothing: leave out --${of}allow, --${of}preset and --${of}allow-port`, USAGE);
      return { kind };
    case undefined:
      throw new Failure(`--${of}allow-port goes with --${of}network all, --${of}allow or --${of}preset`, USAGE);
    default:
      throw new Failure(`--${of}network takes none, allow or all, not ${JSON.stringify(kind)}`, USAGE);
  }
}

function presetNamed(text: string): NetworkPreset {
  const found = NetworkPreset.options.find((name) => name === text);
  if (found) return found;
  throw new Failure(`there is no preset ${JSON.stringify(text)}; there are: ${NetworkPreset.options.join(", ")}`, USAGE);
}

/** The policies for people: what they are, and every domain that they allow. */
export function networkRows(environment: Environment): [string, string][] {
  const { network, allowedDomains, setupNetwork, setupAllowedDomains } = environment;
  return [...policyRows("network", network, allowedDomains), ...policyRows("in setup", setupNetwork, setupAllowedDomains)];
}

function policyRows(label: string, network: NetworkPolicy, allowedDomains: readonly string[]): [string, string][] {
  if (network.kind === "none") return [[label, "none"]];
  const ports = `port${network.ports.length === 1 ? "" : "s"} ${network.ports.join(", ")}`;
  if (network.kind === "all") return [[label, `all public hosts, ${ports}`]];
  const presets = network.presets.length > 0 ? `; presets: ${network.presets.join(", ")}` : "";
  return [
    [label, `these domains and their subdomains, ${ports}${presets}`],
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
