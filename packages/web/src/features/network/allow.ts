import { domainFault, type Environment, type EnvironmentChange, NOT_NAMED, type RefusedRequest } from "@farhand/protocol";

/** What there is to say about a refused request: it can be allowed, it was since, or (null) to allow the host would not help. */
export type Allowance = "possible" | "given" | null;

type Policies = Pick<Environment, "version" | "network" | "setupNetwork" | "allowedDomains" | "setupAllowedDomains">;

/** `version`: of the environment, by which the task works. */
export function allowanceOf(environment: Policies, version: number, { rule, host, phase }: RefusedRequest): Allowance {
  const { network } = ofPhase(environment, phase);
  if (rule !== NOT_NAMED || domainFault(host) !== null) return null;
  const allowed = phase === "setup" ? environment.setupAllowedDomains : environment.allowedDomains;
  const covers = network.kind === "all" || allowed.some((domain) => host === domain || host.endsWith(`.${domain}`));
  if (covers) return environment.version > version ? "given" : null; // by this very version it was refused: the repository's recipe names less
  return network.kind === "allow" ? "possible" : null;
}

/** What makes the next version of the environment, with this host among those that the phase may reach. */
export function allowing(environment: Policies, { host, phase }: RefusedRequest): EnvironmentChange {
  const { version } = environment;
  const { name, network } = ofPhase(environment, phase);
  if (network.kind !== "allow" || network.domains.includes(host)) return { version };
  return { version, [name]: { ...network, domains: [...network.domains, host] } };
}

function ofPhase({ setupNetwork, network }: Policies, phase: RefusedRequest["phase"]) {
  return phase === "setup" ? { name: "setupNetwork" as const, network: setupNetwork } : { name: "network" as const, network };
}
