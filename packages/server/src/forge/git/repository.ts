import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { normalize } from "node:path";
import ipaddr from "ipaddr.js";
import { UserError } from "../../domain/user-error.ts";

/** Where a repository is. `url` (or `path`) is in its one normal form, and is what git is given. */
export type Repository =
  | { kind: "local"; path: string }
  /** `host` without brackets; `port` also where the URL does not name it. */
  | { kind: "https" | "http"; url: string; host: string; port: number };

const OTHER_PROTOCOLS = /^(ssh|git|git\+ssh|ssh\+git|file|ftp|ftps|rsync):/i;
const SCP_LIKE = /^[^/\s]+@[^/\s]+:|^[A-Za-z0-9.-]+:(?!\/\/)/;

/** Reads what a user calls a repository: an https URL, or an absolute path on the server. Throws UserError with the way out. Touches nothing. */
export function parseRepository(text: string): Repository {
  const given = text.trim();
  if (given === "") throw new UserError("invalid", "The repository is empty: name an https URL or an absolute path on the server.");
  if (/[\x00-\x1f\x7f]/.test(given)) throw new UserError("invalid", "The repository has control characters in its name.");
  if (given.startsWith("/")) return { kind: "local", path: normalize(given).replace(/(?<=.)\/+$/, "") };
  if (/^https?:\/\//i.test(given)) return parseUrl(given);
  if (/^[a-z0-9+.-]+::/i.test(given)) throw new UserError("invalid", "Remote helpers (such as ext::) are not allowed: use an https URL.");
  if (/^file:/i.test(given))
    throw new UserError("invalid", "file:// is not allowed: name the absolute path itself, such as /srv/git/shop.git.");
  if (OTHER_PROTOCOLS.test(given) || SCP_LIKE.test(given)) {
    throw new UserError(
      "invalid",
      "Repositories are reached by https, not by ssh or git: use the https URL, with an access token if it needs one.",
    );
  }
  throw new UserError("invalid", "The repository is neither an https URL nor an absolute path on the server.");
}

function parseUrl(given: string): Repository {
  const url = URL.parse(given);
  if (!url) throw new UserError("invalid", "The repository is no valid URL.");
  if (url.username || url.password) {
    throw new UserError(
      "invalid",
      "The URL of the repository has a user name or password in it: leave them out and give the token by --token-stdin.",
    );
  }
  if (url.search || url.hash) throw new UserError("invalid", "The URL of a repository has no part after ? or #.");
  url.hostname = url.hostname.replace(/\.$/, "");
  url.pathname = url.pathname.replace(/\/+$/, "");
  if (url.pathname === "/" || !url.hostname) throw new UserError("invalid", "The URL names a host but no repository.");
  const kind = url.protocol === "https:" ? "https" : "http";
  const port = url.port ? Number(url.port) : kind === "https" ? 443 : 80;
  return { kind, url: url.href, host: url.hostname.replace(/^\[|\]$/g, ""), port };
}

/** The repository as its users know it. Free of credentials. */
export function nameOf(repository: Repository): string {
  return repository.kind === "local" ? repository.path : repository.url;
}

/** A folder name for its working tree: plain letters, digits, `.`, `_` and `-`, never hidden, never an option. */
export function folderOf(repository: Repository): string {
  const path = repository.kind === "local" ? repository.path : decode(new URL(repository.url).pathname);
  const last = path
    .replace(/\/\.git$/, "")
    .replace(/\.git$/, "")
    .split("/")
    .findLast((part) => part !== "");
  const safe = (last ?? "")
    .replace(/[^A-Za-z0-9._-]+/g, "-")
    .replace(/^[.-]+/, "")
    .slice(0, 64)
    .replace(/[.-]+$/, "");
  return safe || "repository";
}

function decode(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/** Paths of the server and unencrypted connections are for administrators. Throws UserError. */
export function requireAllowed(repository: Repository, administrator: boolean): void {
  if (administrator) return;
  if (repository.kind === "local") {
    throw new UserError("forbidden", "Only administrators may use repositories by their path on the server: use an https URL.");
  }
  if (repository.kind === "http")
    throw new UserError("forbidden", "Only administrators may use http: the token would travel unencrypted. Use https.");
}

/**
 * The public addresses of the repository's host, to which git is then pinned; so a name that answers differently the next time does not matter.
 * Throws UserError where one of them is private, loopback, link-local, or otherwise not of the public internet.
 */
export async function publicAddresses(repository: Exclude<Repository, { kind: "local" }>, signal: AbortSignal): Promise<string[]> {
  const addresses = isIP(repository.host) ? [repository.host] : await resolve(repository.host, signal);
  for (const address of addresses) {
    if (isPublic(address)) continue;
    throw new UserError(
      "forbidden",
      `${repository.host} is at ${address}, which is no public address. Only administrators may use repositories in the server's own network.`,
    );
  }
  return addresses;
}

/** IPv4 within IPv6 is judged by the IPv4 address; translated and tunnelled addresses are not public. */
export function isPublic(address: string): boolean {
  const plain = address.replace(/%.*$/, "");
  return ipaddr.isValid(plain) && ipaddr.process(plain).range() === "unicast";
}

async function resolve(host: string, signal: AbortSignal): Promise<string[]> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  aborted.promise.catch(() => {});
  try {
    const found = await Promise.race([lookup(host, { all: true }), aborted.promise]);
    return found.map((one) => one.address);
  } catch (cause) {
    if (signal.aborted) throw signal.reason;
    throw new UserError("invalid", `The host ${host} was not found: check the URL of the repository.`, { cause });
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
