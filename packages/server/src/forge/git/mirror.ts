import { access as accessFile, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { UserError } from "../../domain/user-error.ts";
import { GitError, gitText, runGit } from "./host-git.ts";
import { type Lock, lockFile } from "./lock.ts";
import { listRemote, type RemoteRefs } from "./remote-refs.ts";
import { remoteTrouble } from "./remote-trouble.ts";
import { nameOf, type Repository } from "./repository.ts";
import { type Access, transportTo } from "./transport.ts";

/** A bare copy of a repository on this host, with its heads and tags. A cache: it may go at any time between two fetches. */
export type Mirror = { readonly path: string; readonly repository: Repository };

export type MirrorPlace = { home: string; repositoryId: string; access: Access; onProgress?: (line: string) => void };

const MiB = 1024 * 1024;
const DETACHED_HEAD = "refs/farhand/head";
const DAMAGED = "farhand-damaged";
const PACKS_BEFORE_REPACK = 30;

/**
 * Faults of old repositories that git would refuse but that harm nobody. What it goes on to refuse: names that could act on a checkout, tricks
 * of .gitmodules, and everything that makes a tree ambiguous.
 */
// biome-ignore format: a list of words
const HARMLESS = [
  "zeroPaddedFilemode", "badTimezone", "badEmail", "badName", "badDate", "badDateOverflow", "zeroPaddedDate", "missingEmail", "missingAuthor",
  "missingNameBeforeEmail", "missingSpaceBeforeEmail", "missingSpaceBeforeDate", "multipleAuthors", "nulInCommit", "badTagName", "missingTaggerEntry",
];

/** Signs that our copy, not the remote, is broken. */
const DAMAGE =
  /bad object|corrupt|is empty|object .* (is )?missing|missing (blob|tree|commit|object)|unable to read|did not send all necessary|unable to parse|bad config|bad signature|file .* is too small|reference broken|cannot lock ref .* unable to resolve|not a git repository: |unresolved deltas/i;

/** Where the mirror of a repository is; asks neither the remote nor the disk. */
export function openMirror(home: string, repositoryId: string, repository: Repository): Mirror {
  if (!/^[A-Za-z0-9_-]{1,100}$/.test(repositoryId)) throw new Error(`no repository id: ${repositoryId}`);
  return { path: join(home, "mirrors", `${repositoryId}.git`), repository };
}

/**
 * Brings the mirror to the remote's present state: heads and tags, those that are gone removed. Made if it is not there, made anew once if it
 * is damaged. Calls may overlap, in any number of processes of this host: one of them fetches, the others find it done.
 * Checks the caller's right at the remote each time. Throws UserError in words for the user.
 */
export async function fetchMirror(place: MirrorPlace, signal: AbortSignal): Promise<Mirror> {
  const { access } = place;
  const mirror = openMirror(place.home, place.repositoryId, access.repository);
  await mkdir(join(place.home, "mirrors"), { recursive: true, mode: 0o700 });
  const remote = await listRemote(access, signal);
  if (remote.refs.size === 0) throw new UserError("invalid", `${nameOf(access.repository)} is empty: push a first commit to it.`);
  if (await isCurrent(mirror, remote, signal)) return mirror;
  await using lock = await lockFile(lockPath(mirror), signal);
  if (await isCurrent(mirror, remote, signal)) return mirror;
  await removeLeftovers(mirror);
  if (await isDamaged(mirror)) await removeMirror(mirror);
  try {
    await fetchInto(mirror, place, remote, lock, signal);
  } catch (error) {
    await removeLeftovers(mirror); // of a disk that is full every part counts
    if (!(error instanceof GitError && DAMAGE.test(error.stderr)) || (await isSound(mirror, signal))) throw remoteTrouble(error, access);
    await removeMirror(mirror);
    await fetchInto(mirror, place, remote, lock, signal).catch((again) => {
      throw remoteTrouble(again, access);
    });
  }
  await repackIfScattered(mirror, lock, signal);
  return mirror;
}

/** Fetches one commit by its full id, which not every host allows. false = it did not work. */
export async function fetchCommit(mirror: Mirror, access: Access, commit: string, signal: AbortSignal): Promise<boolean> {
  const transport = await transportTo(access, signal);
  await using lock = await lockFile(lockPath(mirror), signal);
  try {
    const args = [...FETCH, ...transport.uploadPack, "--", transport.url, `${commit}:refs/farhand/commits/${commit}`];
    await runGit(
      { ...transport.call, gitDir: mirror.path, args, config: [...FETCH_CONFIG, ...(transport.call.config ?? [])], holds: lock.fd },
      signal,
    );
    return true;
  } catch (error) {
    if (!(error instanceof GitError)) throw error;
    const trouble = remoteTrouble(error, access);
    if (trouble instanceof UserError && trouble.code === "unavailable") throw trouble;
    return false;
  }
}

/**
 * Runs something that reads the mirror. Where it fails because the mirror is damaged, the mirror is marked, so that the next fetch makes it
 * anew, and a UserError asks to try again.
 */
export async function reading<T>(mirror: Mirror, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw await noteDamage(mirror, error);
  }
}

/** For readers that cannot be wrapped: the error to throw instead, after the mirror was marked if the error is a sign of damage. */
export async function noteDamage(mirror: Mirror, error: unknown): Promise<unknown> {
  if (!(error instanceof GitError && DAMAGE.test(error.stderr))) return error;
  await writeFile(join(mirror.path, DAMAGED), "").catch(() => {});
  return new UserError("unavailable", `The server's copy of ${nameOf(mirror.repository)} was damaged. It will be made anew: try again.`, {
    cause: error,
  });
}

/** Full name of the ref that the mirror's HEAD stands for: a branch, or what a remote without a default branch stands on. */
export async function headOf(mirror: Mirror): Promise<string | null> {
  const text = await readFile(join(mirror.path, "HEAD"), "utf8").catch(() => "");
  return /^ref: (.+)\n$/.exec(text)?.[1] ?? null;
}

/** Whether it is not our copy that is damaged, but the remote that says so of its own. */
async function isSound(mirror: Mirror, signal: AbortSignal): Promise<boolean> {
  try {
    await runGit({ gitDir: mirror.path, args: ["fsck", "--full", "--no-dangling", "--no-progress"], config: FSCK_CONFIG }, signal);
    return true;
  } catch (error) {
    if (error instanceof GitError) return false;
    throw error;
  }
}

function lockPath(mirror: Mirror): string {
  return mirror.path.replace(/\.git$/, ".lock");
}

async function isDamaged(mirror: Mirror): Promise<boolean> {
  return exists(join(mirror.path, DAMAGED));
}

async function exists(path: string): Promise<boolean> {
  return accessFile(path).then(
    () => true,
    () => false,
  );
}

async function isCurrent(mirror: Mirror, remote: RemoteRefs, signal: AbortSignal): Promise<boolean> {
  if (!(await exists(join(mirror.path, "HEAD"))) || (await isDamaged(mirror))) return false;
  try {
    const args = ["for-each-ref", "--format=%(objectname) %(refname)", "refs/heads", "refs/tags", DETACHED_HEAD];
    const lines = (await gitText({ gitDir: mirror.path, args, maxBytes: 512 * MiB }, signal)).split("\n").filter(Boolean);
    const here = new Map(lines.map((line) => [line.slice(line.indexOf(" ") + 1), line.slice(0, line.indexOf(" "))]));
    if ((await headOf(mirror)) !== (remote.head ?? DETACHED_HEAD)) return false;
    if (remote.head === null && (here.get(DETACHED_HEAD) ?? null) !== remote.headCommit) return false;
    here.delete(DETACHED_HEAD);
    return here.size === remote.refs.size && [...remote.refs].every(([ref, id]) => here.get(ref) === id);
  } catch (error) {
    if (error instanceof GitError) return false;
    throw error;
  }
}

const FETCH = ["fetch", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", "--no-recurse-submodules", "--force"];
const FETCH_CONFIG = ["fetch.fsckObjects=true", "fetch.unpackLimit=1", ...HARMLESS.map((fault) => `fetch.fsck.${fault}=ignore`)];
const FSCK_CONFIG = HARMLESS.map((fault) => `fsck.${fault}=ignore`);

async function fetchInto(mirror: Mirror, place: MirrorPlace, remote: RemoteRefs, lock: Lock, signal: AbortSignal): Promise<void> {
  if (!(await exists(join(mirror.path, "HEAD")))) await makeMirror(mirror, remote, signal);
  const transport = await transportTo(place.access, signal);
  const refspecs = [
    "+refs/heads/*:refs/heads/*",
    "+refs/tags/*:refs/tags/*",
    ...(remote.head === null && remote.headCommit ? [`+HEAD:${DETACHED_HEAD}`] : []),
  ];
  const progress = place.onProgress ? ["--progress"] : ["--quiet"];
  const args = [...FETCH, "--prune", ...progress, ...transport.uploadPack, "--", transport.url, ...refspecs];
  const config = [...FETCH_CONFIG, ...(transport.call.config ?? [])];
  await runGit(
    { ...transport.call, gitDir: mirror.path, args, config, holds: lock.fd, ...(place.onProgress ? { onProgress: place.onProgress } : {}) },
    signal,
  );
  if (remote.head === null && remote.headCommit === null) {
    await runGit({ gitDir: mirror.path, args: ["update-ref", "-d", DETACHED_HEAD], holds: lock.fd }, signal);
  }
  await runGit({ gitDir: mirror.path, args: ["symbolic-ref", "HEAD", remote.head ?? DETACHED_HEAD], holds: lock.fd }, signal);
}

/** Appears under its name whole or not at all. */
async function makeMirror(mirror: Mirror, remote: RemoteRefs, signal: AbortSignal): Promise<void> {
  const fresh = `${mirror.path}.new`;
  await rm(fresh, { recursive: true, force: true });
  await rm(mirror.path, { recursive: true, force: true });
  const format = [...remote.refs.values()].some((id) => id.length === 64) ? "sha256" : "sha1";
  await runGit({ gitDir: null, args: ["init", "--quiet", "--bare", "--template=", `--object-format=${format}`, "--", fresh] }, signal);
  await rename(fresh, mirror.path);
}

/**
 * Removes the mirrors of this host that are used no more, as `isUsed` says of a repository's id while nobody fetches into its mirror; and what a
 * death left of removing one. Returns how many.
 */
export async function pruneMirrors(home: string, isUsed: (repositoryId: string) => Promise<boolean>, signal: AbortSignal): Promise<number> {
  const folder = join(home, "mirrors");
  const ids = (await readdir(folder).catch(() => [])).flatMap((name) => /^([A-Za-z0-9_-]+)[.]git$/.exec(name)?.[1] ?? []);
  let removed = 0;
  for (const id of ids) {
    const path = join(folder, `${id}.git`);
    await using _lock = await lockFile(join(folder, `${id}.lock`), signal);
    await rm(`${path}.old`, { recursive: true, force: true });
    if (await isUsed(id)) continue;
    await removeMirror({ path });
    removed++;
  }
  return removed;
}

/** Moved away before it is deleted, so that a death in between leaves no half mirror under the name. */
async function removeMirror(mirror: Pick<Mirror, "path">): Promise<void> {
  const old = `${mirror.path}.old`;
  await rm(old, { recursive: true, force: true });
  await rename(mirror.path, old).catch(() => {});
  await rm(old, { recursive: true, force: true });
}

/** What git processes that were killed left behind. Only under the lock: nobody else writes into a mirror. */
async function removeLeftovers(mirror: Mirror): Promise<void> {
  const listed = await readdir(mirror.path, { recursive: true }).catch(() => []);
  const stale = listed.filter(
    (path) => path.endsWith(".lock") || /^objects\/(.*\/)?tmp_[^/]*$/.test(path) || /^objects\/(tmp_objdir-)?incoming-[^/]*$/.test(path),
  );
  for (const path of stale) await rm(join(mirror.path, path), { recursive: true, force: true });
}

/** Each fetch adds a pack. Rolls many small ones into few; forgets nothing, reachable or not, since tasks stand on commits that branches have left. */
async function repackIfScattered(mirror: Mirror, lock: Lock, signal: AbortSignal): Promise<void> {
  const packs = (await readdir(join(mirror.path, "objects/pack"))).filter((name) => name.endsWith(".pack"));
  if (packs.length < PACKS_BEFORE_REPACK) return;
  const call = { gitDir: mirror.path, holds: lock.fd };
  await runGit({ ...call, args: ["repack", "--geometric=2", "-d", "--quiet"] }, signal);
  await runGit({ ...call, args: ["pack-refs", "--all"] }, signal);
}
