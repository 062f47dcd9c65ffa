import { isIP } from "node:net";
import { NOT_NAMED } from "@farhand/protocol";
import { DEFAULT_PORTS, type NetworkRule } from "../sandbox.ts";

export type Verdict = { decision: "allowed" | "refused"; rule: string; reason: string };

/** Whether a rule lets a sandbox ask for this host and port. The addresses that a name turns out to have are judged besides, see addresses.ts. */
export function decide(rule: NetworkRule, host: string, port: number): Verdict {
  if (rule.kind === "none") return { decision: "refused", rule: "no network", reason: "the policy allows no network" };
  const ports = rule.ports ?? DEFAULT_PORTS;
  if (!ports.includes(port)) {
    const words = ports.length === 1 ? `port ${ports[0]}` : `ports ${ports.join(", ")}`;
    return { decision: "refused", rule: words, reason: `the policy allows ${words}, not ${port}` };
  }
  if (rule.kind === "all") return { decision: "allowed", rule: "all", reason: "" };
  if (isIP(host) !== 0) return { decision: "refused", rule: "names only", reason: "the policy allows names, not addresses" };
  const domain = rule.domains.find((one) => host === one || host.endsWith(`.${one}`));
  if (domain !== undefined) return { decision: "allowed", rule: domain, reason: "" };
  return { decision: "refused", rule: NOT_NAMED, reason: `${host} is not among the domains that the policy allows` };
}
