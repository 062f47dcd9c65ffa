import { isIP } from "node:net";

/** Where a request wants to go: a name in lower case without a final dot, or an address without brackets. */
export type Target = {
  host: string;
  port: number /** Host and port as HTTP writes them. */;
  authority: string /** Path and query; empty for CONNECT. */;
  path: string;
};

/** `http://host[:port]/path`, as a client sends it to a proxy. null = anything else: https, a path alone, a user name, what no URL may hold. */
export function readAbsoluteForm(text: string): Target | null {
  const [, authority = "", path = ""] = /^http:\/\/([^/?#@\\\s]+)([/?][\x21\x22\x24-\x7e]*)?$/i.exec(text) ?? [];
  return readAuthority(authority, 80, path.startsWith("/") ? path : `/${path}`);
}

/** `host:port`, as CONNECT names its target. The port must be there. */
export function readConnectForm(text: string): Target | null {
  return /:\d+$/.test(text) ? readAuthority(text, null, "") : null;
}

function readAuthority(text: string, defaultPort: number | null, path: string): Target | null {
  const [, bracketed, plain, digits] = /^(?:\[([0-9a-f:.]{2,45})\]|([a-z0-9._-]{1,254}))(?::(\d{1,5}))?$/i.exec(text) ?? [];
  const port = digits === undefined ? defaultPort : Number(digits);
  if (port === null || port < 1 || port > 65_535) return null;
  const host = bracketed === undefined ? nameOrAddress(plain ?? "") : isIP(bracketed) === 6 ? bracketed.toLowerCase() : null;
  if (host === null) return null;
  const written = bracketed === undefined ? host : `[${host}]`;
  return { host, port, authority: port === 80 && path !== "" ? written : `${written}:${port}`, path };
}

function nameOrAddress(text: string): string | null {
  if (isIP(text) === 4) return text;
  const name = text.toLowerCase().replace(/\.$/, "");
  const labels = name.split(".");
  if (name.length > 253 || !labels.every((label) => /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/.test(label))) return null;
  // Some programs take 127.1, 0x7f.1 and 2130706433 for addresses. No top-level domain looks like that.
  return /^(\d+|0x[0-9a-f]*)$/.test(labels.at(-1) ?? "") ? null : name;
}
