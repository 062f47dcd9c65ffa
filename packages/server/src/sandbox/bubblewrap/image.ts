import { createHash } from "node:crypto";
import { chmod, chown, cp, lstat, mkdir, readdir, readlink, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Mode, removeTree } from "./layers.ts";

const PROGRAM_DIRECTORIES = ["bin", "sbin", "lib", "lib32", "lib64", "libx32"];

/** What programs need of the host's /etc, and nothing that says anything about this host or its people. Missing ones are left out. */
const ETC = [
  "alternatives",
  "bash.bashrc",
  "ca-certificates.conf",
  "debian_version",
  "fonts",
  "inputrc",
  "java-8-openjdk",
  "java-11-openjdk",
  "java-17-openjdk",
  "java-21-openjdk",
  "java-25-openjdk",
  "ld.so.cache",
  "ld.so.conf",
  "ld.so.conf.d",
  "locale.alias",
  "localtime",
  "magic",
  "mailcap",
  "maven",
  "mime.types",
  "os-release",
  "perl",
  "pki/ca-trust/extracted",
  "pki/tls/certs",
  "protocols",
  "python3",
  "python3.11",
  "python3.12",
  "python3.13",
  "rpc",
  "services",
  "shells",
  "ssl/certs",
  "ssl/openssl.cnf",
  "terminfo",
  "timezone",
  "xattr.conf",
];

const OWN_ETC: Readonly<Record<string, string>> = {
  passwd:
    "root:x:0:0:root:/root:/usr/sbin/nologin\nagent:x:1000:1000:agent:/home/agent:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
  group: "root:x:0:\nagent:x:1000:\nnogroup:x:65534:\n",
  hosts: "127.0.0.1 localhost sandbox\n::1 localhost ip6-localhost\n",
  hostname: "sandbox\n",
  "resolv.conf": "",
  "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n",
  profile: "umask 022\n",
};

/** Where code in the sandbox may write, besides /tmp, /run and /dev/shm, which are gone with the machine. */
const WRITABLE = ["workspace", "home/agent", "var/tmp", "var/cache", "opt", "srv"];

/** Host directories that a sandbox sees, read-only: the allow-list of image `host`. */
export async function boundDirectories(): Promise<string[]> {
  const found = ["/usr"];
  for (const name of PROGRAM_DIRECTORIES) {
    const stats = await lstat(`/${name}`).catch(() => null);
    if (stats?.isDirectory()) found.push(`/${name}`);
  }
  return found;
}

/**
 * The lowest layers of every sandbox of this owner, topmost first, as paths relative to `home`: the writable directories, which belong to
 * `uid`, and the skeleton with our own and the allowed files of /etc. Made when the host's files changed; two at once do no harm.
 */
export async function hostImage(home: string, owner: number, uid: number): Promise<string[]> {
  const base = await ensure(home, `base-${await hostIdentity()}`, makeBase);
  const own = await ensure(home, `own-${owner}-${uid}-1`, (directory) => makeOwn(directory, uid));
  return [own, base];
}

/** Removes the skeletons of hosts' former states and what an interrupted creation left. Only while no sandbox stands on any. */
export async function pruneImages(home: string, mode: Mode): Promise<void> {
  const current = `base-${await hostIdentity()}`;
  for (const name of await readdir(join(home, "images"))) {
    const interrupted = name.startsWith(".") && !name.includes(`.${process.pid}.`);
    if (interrupted || (name.startsWith("base-") && name !== current)) await removeTree(home, join(home, "images", name), mode);
  }
}

let known: { value: Promise<string>; at: number } | null = null;

/** Looked up anew every half minute: that is how long a changed certificate store may go unnoticed. */
function hostIdentity(): Promise<string> {
  if (known === null || performance.now() - known.at > 30_000) known = { value: identity(), at: performance.now() };
  return known.value;
}

/** Of everything that goes into the skeleton: when a certificate or the linker's cache changes, so does this. */
async function identity(): Promise<string> {
  const hash = createHash("sha256").update(JSON.stringify([3, OWN_ETC]));
  for (const path of [
    ...PROGRAM_DIRECTORIES.map((name) => `/${name}`),
    ...ETC.map((name) => `/etc/${name}`),
    "/etc/ssl/certs/ca-certificates.crt",
  ]) {
    const stats = await lstat(path).catch(() => null);
    hash.update(JSON.stringify([path, stats && [stats.mode, stats.mtimeMs, stats.isDirectory() ? 0 : stats.size]]));
  }
  return hash.digest("hex").slice(0, 16);
}

async function ensure(home: string, name: string, make: (directory: string) => Promise<void>): Promise<string> {
  const path = join("images", name);
  if ((await lstat(join(home, path)).catch(() => null)) !== null) return path;
  const making = join(home, "images", `.${name}.${process.pid}.${Math.random().toString(36).slice(2)}`);
  await mkdir(making, { recursive: true });
  try {
    await make(making);
    await chmod(making, 0o755);
    await rename(making, join(home, path)).catch(async (error) => {
      if ((await lstat(join(home, path)).catch(() => null)) === null) throw error; // else somebody was faster
    });
  } finally {
    await rm(making, { recursive: true, force: true });
  }
  return path;
}

async function makeOwn(directory: string, uid: number): Promise<void> {
  for (const name of WRITABLE) {
    const path = join(directory, name);
    await mkdir(path, { recursive: true });
    await chmod(join(path, ".."), 0o755);
    await chown(path, uid, uid).catch((error) => {
      if (process.geteuid?.() === 0) throw error; // not root: all of it is ours, with whatever group we have
    });
    await chmod(path, 0o755);
  }
}

async function makeBase(directory: string): Promise<void> {
  for (const name of ["proc", "dev", "tmp", "run", "usr", "etc", "var", ".farhand"]) await emptyDirectory(join(directory, name));
  for (const name of PROGRAM_DIRECTORIES) {
    const stats = await lstat(`/${name}`).catch(() => null);
    if (stats?.isSymbolicLink()) await symlink(await readlink(`/${name}`), join(directory, name));
    else if (stats?.isDirectory()) await emptyDirectory(join(directory, name));
  }
  await symlink("/run", join(directory, "var/run"));
  const etc = join(directory, "etc");
  for (const name of ETC) await copyReadable(`/etc/${name}`, join(etc, name));
  for (const [name, text] of Object.entries(OWN_ETC)) {
    await writeFile(join(etc, name), text, { mode: 0o644 });
    await chmod(join(etc, name), 0o644);
  }
  await symlink("/proc/mounts", join(etc, "mtab"));
  for (const name of ["node", "agent", "door"]) await writeFile(join(directory, ".farhand", name), "");
}

/** Whatever the umask of the worker is. */
async function emptyDirectory(path: string): Promise<void> {
  await mkdir(path, { recursive: true });
  await chmod(path, 0o755);
}

/** Symlinks stay symlinks; only what every user of the host may read is taken, however root the worker is. */
async function copyReadable(from: string, to: string): Promise<void> {
  const stats = await lstat(from).catch(() => null);
  if (stats === null) return;
  for (let parent = join(to, ".."); !(await lstat(parent).catch(() => null)); parent = join(parent, "..")) await emptyDirectory(parent);
  await cp(from, to, {
    recursive: true,
    verbatimSymlinks: true,
    filter: async (path) => {
      const { mode } = await lstat(path);
      const kind = mode & 0o170000;
      return kind === 0o120000 || (kind === 0o040000 && (mode & 0o005) === 0o005) || (kind === 0o100000 && (mode & 0o004) !== 0);
    },
  });
}
