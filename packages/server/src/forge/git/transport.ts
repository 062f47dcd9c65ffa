import { execFile } from "node:child_process";
import { lstat, readlink } from "node:fs/promises";
import { isIP } from "node:net";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import type { Secret } from "../../domain/secret.ts";
import { UserError } from "../../domain/user-error.ts";
import { type GitCall, runGit } from "./host-git.ts";
import { publicAddresses, type Repository, requireAllowed } from "./repository.ts";

/** A repository together with the right to use it. `administrator`: whether the one who set it up may use paths and private addresses. */
export type Access = { repository: Repository; token: Secret | null; administrator: boolean };

/** How git reaches a remote repository; `url` goes behind `--`. */
export type Transport = {
  url: string;
  /** For fetch and ls-remote, and for push. */
  uploadPack: readonly string[];
  receivePack: readonly string[];
  call: Pick<GitCall, "protocols" | "config" | "variables" | "redact">;
};

const LEAST_GIT_THAT_PINS = [2, 37];

/** Checks the right to use the repository and prepares the way to it. To be made anew for each use. Throws UserError. */
export async function transportTo(access: Access, signal: AbortSignal): Promise<Transport> {
  const { repository } = access;
  requireAllowed(repository, access.administrator);
  return repository.kind === "local" ? localTransport(repository.path) : httpTransport({ ...access, repository }, signal);
}

type HttpRepository = Exclude<Repository, { kind: "local" }>;

async function httpTransport(access: Access & { repository: HttpRepository }, signal: AbortSignal): Promise<Transport> {
  const { repository, token } = access;
  const config: string[] = [];
  if (!access.administrator) {
    const addresses = await publicAddresses(repository, signal);
    if (!isIP(repository.host)) {
      await requireGitThatPins(signal);
      const list = addresses.map((address) => (address.includes(":") ? `[${address}]` : address)).join(",");
      config.push(`http.curloptResolve=${repository.host}:${repository.port}:${list}`);
    }
  }
  const variables: Record<string, string> = {};
  if (token) {
    if (/[\x00-\x1f\x7f]/.test(token.reveal()))
      throw new UserError("invalid", "The access token has a line break or another control character in it.");
    // The shell of the helper reads the token from its environment: it is in no argument and in no file.
    config.push(`credential.helper=!printf 'username=%s\\npassword=%s\\n' "$FARHAND_GIT_USER" "$FARHAND_GIT_TOKEN"; :`);
    variables.FARHAND_GIT_USER = repository.host === "bitbucket.org" ? "x-token-auth" : "x-access-token";
    variables.FARHAND_GIT_TOKEN = token.reveal();
  }
  const call = { protocols: [repository.kind], config, variables, redact: token ? [token.reveal()] : [] };
  return { url: repository.url, uploadPack: [], receivePack: [], call };
}

let pins: Promise<boolean> | null = null;

/** An older git would ignore the pinning silently, so it must not come so far. */
async function requireGitThatPins(signal: AbortSignal): Promise<void> {
  pins ??= runGit({ gitDir: null, args: ["version"] }, signal).then((bytes) => {
    const [major = 0, minor = 0] = (/(\d+)\.(\d+)/.exec(bytes.toString())?.slice(1) ?? []).map(Number);
    const [least, leastMinor] = LEAST_GIT_THAT_PINS as [number, number];
    return major > least || (major === least && minor >= leastMinor);
  });
  const able = await pins.catch((error) => {
    pins = null;
    throw error;
  });
  if (!able)
    throw new UserError(
      "unavailable",
      "The git program of the server is older than 2.37 and cannot be held to a checked address: the operator must bring it up to date.",
    );
}

async function localTransport(path: string): Promise<Transport> {
  const { as, trustsRoot } = await rightsOn(path);
  const wrap = as ? [`setpriv --reuid=${as.uid} --regid=${as.gid} ${as.known ? "--init-groups" : "--clear-groups"}`] : [];
  const trust = trustsRoot ? ["env GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0=*"] : [];
  return {
    url: path,
    uploadPack: [`--upload-pack=${[...wrap, ...trust, "git-upload-pack"].join(" ")}`],
    receivePack: [`--receive-pack=${[...wrap, ...(as ? trust : []), "git-receive-pack"].join(" ")}`],
    call: { protocols: ["file"] },
  };
}

/** As whom a path is reached; null = as this process. `trustsRoot`: parts are root's, which git running as another would not trust by itself. */
type Rights = { as: { uid: number; gid: number; known: boolean } | null; trustsRoot: boolean };

/**
 * Root acts with root's rights only where all is root's, the way there included; git's own check of owners stays on as well. Otherwise root acts
 * as the owner. So whoever exchanges the path, or leads it elsewhere by a link, gains nothing that is not his own.
 */
async function rightsOn(path: string): Promise<Rights> {
  const way = await walk(path);
  const top = await lstat(way.real);
  if (!top.isDirectory()) throw new UserError("invalid", `${path} is no directory, so no repository.`);
  const parts = [top, await lstat(join(way.real, ".git")).catch(() => null)].filter((stats) => stats !== null);
  const owners = parts.map((stats) => stats.uid);
  const trustsRoot = owners.includes(0);
  const self = process.getuid?.() ?? -1;
  if (self !== 0) {
    const stranger = owners.find((uid) => uid !== 0 && uid !== self);
    if (stranger === undefined) return { as: null, trustsRoot };
    throw new UserError(
      "forbidden",
      `${path} belongs to another user (${stranger}) than the server runs as (${self}): run the server as that user or as root, or use an https URL.`,
    );
  }
  const others = [...new Set([...owners, ...way.owners])].filter((uid) => uid !== 0);
  const [uid] = others;
  if (uid === undefined) return { as: null, trustsRoot: false };
  if (others.length > 1) {
    throw new UserError(
      "forbidden",
      `${path}, its .git and the folders it is in belong to two users (${others.join(" and ")}): let one own them.`,
    );
  }
  const group = await groupOf(uid);
  const gid = group ?? (parts.find((stats) => stats.uid === uid)?.gid || NOBODY);
  return { as: { uid, gid, known: group !== null }, trustsRoot };
}

/** Where a path really leads, and who could lead it elsewhere: the owners of all folders and links on the way. */
async function walk(path: string): Promise<{ real: string; owners: Set<number> }> {
  const owners = new Set<number>();
  let rest = namesIn(path);
  let real = "/";
  for (let steps = 0; steps < MAX_STEPS; steps++) {
    const here = await lstat(real).catch((cause) => {
      throw new UserError("not-found", `There is no repository at ${path} on the server.`, { cause });
    });
    owners.add(here.uid);
    if (here.isSymbolicLink()) {
      const target = await readlink(real);
      rest = [...namesIn(target), ...rest];
      real = target.startsWith("/") ? "/" : dirname(real);
      continue;
    }
    const isOpenToAll = (here.mode & 0o002) !== 0 && (here.mode & 0o1000) === 0;
    if (isOpenToAll)
      throw new UserError("forbidden", `${path} is in ${real}, where everybody may exchange it: take that right from others.`);
    const [next, ...after] = rest;
    if (next === undefined) return { real, owners };
    rest = after;
    real = next === ".." ? dirname(real) : join(real, next);
  }
  throw new UserError("not-found", `${path} is a circle of links.`);
}

const MAX_STEPS = 1000;

function namesIn(path: string): string[] {
  return path.split("/").filter((name) => name !== "" && name !== ".");
}

const NOBODY = 65_534;

async function groupOf(uid: number): Promise<number | null> {
  const entry = await promisify(execFile)("getent", ["passwd", String(uid)], { timeout: 10_000 }).catch(() => null);
  const gid = entry && /^[^:]*:[^:]*:\d+:(\d+):/.exec(entry.stdout)?.[1];
  return gid ? Number(gid) : null;
}
