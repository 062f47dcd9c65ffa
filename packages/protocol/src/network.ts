import { z } from "zod";

/** Named lists of domains; `farhand env show` spells them out. */
export const NetworkPreset = z.enum(["package-managers", "common"]);
export type NetworkPreset = z.infer<typeof NetworkPreset>;

/** Under these anybody can have a name, so one of them would let everybody in. A list of the usual ones, not of all. */
const SHARED = [
  ...["amazonaws.com", "appspot.com", "azurewebsites.net", "blogspot.com", "cloudfront.net", "firebaseapp.com", "fly.dev", "github.io"],
  ...["gitlab.io", "herokuapp.com", "netlify.app", "ngrok.io", "onrender.com", "pages.dev", "r2.dev", "vercel.app", "web.app"],
  ...["windows.net", "workers.dev"],
];
/** Second levels that are no domain of anybody's, such as co.uk. */
const SECOND_LEVEL = /^(ac|co|com|edu|gob|gov|govt|ltd|mil|ne|net|nom|or|org|plc|sch)\.[a-z]{2}$/;
/** Names that are never of the public internet. */
const LOCAL = /(^|\.)(alt|arpa|home|internal|invalid|lan|local|localdomain|localhost|onion|test)$/;
const LABEL = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/;

/** Why this is no domain that a policy can name, with the way out; null = it is one. Expects lower case. */
export function domainFault(text: string): string | null {
  if (/^[a-z][a-z0-9+.-]*:\/\//.test(text)) return "is an address of a page: give its domain alone, such as example.org";
  if (/[/?#@\\]/.test(text)) return "has more than a domain in it: give the domain alone, such as example.org";
  if (text.includes("*")) return "needs no *: a domain covers its subdomains, so give example.org for *.example.org";
  if (/^\[?[0-9a-f:.]*:[0-9a-f:.]*:[0-9a-f:.]*\]?$/.test(text) || /(^|\.)(\d+|0x[0-9a-f]*)$/.test(text))
    return "is a network address: only domains can be allowed";
  if (/:\d*$/.test(text)) return "has a port: give the domain alone, and the port in ports (--allow-port)";
  if (/[^\x00-\x7f]/.test(text)) return "is not ASCII: give it as xn--…, as its DNS has it";
  if (text.length > 253 || !text.split(".").every((label) => LABEL.test(label))) return "is no domain: give one such as example.org";
  if (LOCAL.test(text)) return "is no name of the public internet: sandboxes cannot reach others";
  if (!text.includes(".") || SECOND_LEVEL.test(text)) return "would let a whole top-level domain in: name the domain beneath it";
  if (SHARED.includes(text)) return "is shared by everybody who hosts something there: name the host beneath it";
  return null;
}

/** A domain together with all its subdomains. */
export const Domain = z
  .string()
  .trim()
  .toLowerCase()
  .overwrite((text) => text.replace(/\.$/, ""))
  .superRefine((text, context) => {
    const fault = domainFault(text);
    if (fault) context.addIssue({ code: "custom", message: `${JSON.stringify(text.slice(0, 100))} ${fault}` });
  });

const WEB_PORTS = [80, 443];
const ports = z.array(z.int());
const newPorts = z.array(z.int().min(1).max(65_535)).min(1, "is empty: leave it out for 80 and 443").max(20).default(WEB_PORTS);

/** What a sandbox may reach, by HTTP and HTTPS through Farhand. Addresses that are not public are refused under each. As it is stored. */
export const NetworkPolicy = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("none") }),
  z.object({ kind: z.literal("allow"), domains: z.array(z.string()), presets: z.array(NetworkPreset), ports }),
  z.object({ kind: z.literal("all"), ports }),
]);
export type NetworkPolicy = z.infer<typeof NetworkPolicy>;

/** The same as somebody asks for it. Ports are 80 and 443 unless they are named. */
export const NewNetworkPolicy = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("none") }),
  z
    .strictObject({
      kind: z.literal("allow"),
      domains: z.array(Domain).max(500).default([]),
      presets: z.array(NetworkPreset).max(NetworkPreset.options.length).default([]),
      ports: newPorts,
    })
    .refine(({ domains, presets }) => domains.length + presets.length > 0, "allows nothing: name domains or presets, or take none"),
  z.strictObject({ kind: z.literal("all"), ports: newPorts }),
]);
export type NewNetworkPolicy = z.input<typeof NewNetworkPolicy>;

export const NO_NETWORK: NetworkPolicy = { kind: "none" };
/** What setup may reach where nobody says otherwise. */
export const PACKAGES_ONLY: NetworkPolicy = { kind: "allow", domains: [], presets: ["package-managers"], ports: WEB_PORTS };

/** What came to the door of a sandbox. Text in it is hostile data. */
export const NetworkRequested = z.object({
  type: z.literal("network.request"),
  /** CONNECT = a tunnel, as https needs; empty: what came was no HTTP. */
  method: z.string(),
  host: z.string(),
  port: z.int(),
  decision: z.enum(["allowed", "refused"]),
  /** What decided: the domain that covers the host, or what was broken. */
  rule: z.string(),
  /** Why it was refused, or allowed and yet failed; else empty. */
  reason: z.string(),
  /** How many equal ones since the last event of them; 0 = only `bytes` are new. */
  count: z.int(),
  /** Of both directions, of those that ended since then. */
  bytes: z.int().optional(),
  /** Of setup or maintenance; absent: of the agent. */
  phase: z.literal("setup").optional(),
});
export type NetworkRequested = z.infer<typeof NetworkRequested>;

/** The rule by which a host is refused that the policy does not name. */
export const NOT_NAMED = "allowed domains";

/** What tells whether a refused request could be allowed. */
export type RefusedRequest = Pick<NetworkRequested, "host" | "port" | "rule" | "phase">;

/** A request in one line, as `CONNECT example.org:443`. */
export function requestInWords({ method, host, port }: Pick<NetworkRequested, "method" | "host" | "port">): string {
  if (host === "") return method || "a connection";
  const name = host.includes(":") && port > 0 ? `[${host}]` : host;
  return `${method} ${name}${port > 0 ? `:${port}` : ""}`.trim();
}

/** Why it was refused, in one line that names it. */
export function refusalInWords(request: Pick<NetworkRequested, "method" | "host" | "port" | "reason">): string {
  return `refused by policy: ${requestInWords(request)}${request.reason ? ` (${request.reason})` : ""}`;
}
