import { spawn } from "node:child_process";
import { chmod, chown, lstat, mkdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { join } from "node:path";
import { StartupError } from "../../config.ts";
import { type Binaries, installBinaries } from "./binaries.ts";
import { PG_HBA, pgIdent, postgresqlConf, socketDirectory } from "./settings.ts";

/** The user that the server runs as; null = the one who starts it. Root must name one: PostgreSQL refuses to run as root. */
export type Owner = { uid: number; gid: number } | null;

/** A data directory that is ready to be started. */
export type Cluster = { folder: string; data: string; sockets: string; log: string; bin: string; owner: Owner; uid: number };

const LARGEST_LOG = 10 * 1024 * 1024;

/**
 * Makes everything under `folder` that a server needs: programs, settings, and, the first time, its data. What an earlier attempt left
 * unfinished is done again. Throws StartupError, also when the data belong to another major version.
 */
export async function prepareCluster(folder: string, owner: Owner, durable: boolean, say: (line: string) => void): Promise<Cluster> {
  await mkdir(folder, { recursive: true });
  await chmod(folder, owner ? 0o711 : 0o700);
  const binaries = await installBinaries(folder);
  const data = join(folder, "data");
  const sockets = socketDirectory(folder, process.getuid?.() ?? 0);
  const uid = owner?.uid ?? process.getuid?.() ?? 0;
  const cluster: Cluster = { folder, data, sockets, log: join(folder, "log"), bin: binaries.bin, owner, uid };
  await privateDirectory(sockets, owner, uid);
  await writeFile(join(folder, "postgresql.conf"), postgresqlConf(folder, sockets, durable), { mode: 0o644 });
  await writeFile(join(folder, "pg_hba.conf"), PG_HBA, { mode: 0o644 });
  await writeFile(join(folder, "pg_ident.conf"), pgIdent(userInfo().username), { mode: 0o644 });
  const size = await stat(cluster.log).then(
    (log) => log.size,
    () => 0,
  );
  if (size > LARGEST_LOG) await rename(cluster.log, `${cluster.log}.1`);
  const major = await readFile(join(data, "PG_VERSION"), "utf8").then(
    (text) => text.trim(),
    () => null,
  );
  if (major === null) await initialise(cluster, durable, say);
  else checkMajor(major, binaries, data);
  return cluster;
}

function checkMajor(found: string, binaries: Binaries, data: string): void {
  if (found === binaries.major) return;
  throw new StartupError(
    `${data} was written by PostgreSQL ${found}, and this Farhand brings PostgreSQL ${binaries.major}. Start the Farhand that wrote it, and move the data by its backup.`,
  );
}

/** Owned by the server's user and closed to others. A directory that somebody else put there is refused, not taken over. */
async function privateDirectory(path: string, owner: Owner, uid: number): Promise<void> {
  await mkdir(path, { mode: 0o700 }).then(
    () => owner && chown(path, owner.uid, owner.gid),
    (error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error;
    },
  );
  const found = await lstat(path);
  const mine = found.uid === uid || (owner !== null && found.uid === 0); // made by root just before it was killed
  if (!found.isDirectory() || !mine)
    throw new StartupError(
      `${path} belongs to somebody else, so it cannot hold the database's socket: remove it, or set FARHAND_HOME to a shorter path`,
    );
  if (owner) await chown(path, owner.uid, owner.gid);
  await chmod(path, 0o700);
}

async function initialise(cluster: Cluster, durable: boolean, say: (line: string) => void): Promise<void> {
  say("Creating the database");
  const { data, owner, bin, folder } = cluster;
  const unfinished = `${data}.new`;
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(unfinished, { mode: 0o700 });
  if (owner) await chown(unfinished, owner.uid, owner.gid);
  // The built-in locale gives one order and one case mapping on every host, whatever its C library.
  const locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"];
  const args = ["-D", unfinished, "-U", "postgres", "--auth=reject", "--no-instructions", ...locale, ...(durable ? [] : ["--no-sync"])];
  const run = spawn(join(bin, "initdb"), args, {
    cwd: folder,
    env: { PATH: "/usr/bin:/bin", TZ: "UTC" },
    stdio: ["ignore", "pipe", "pipe"],
    ...owner,
  });
  let output = "";
  for (const stream of [run.stdout, run.stderr]) stream.on("data", (bytes: Buffer) => (output = (output + bytes).slice(-2000)));
  const code = await new Promise<number | string>((done) => {
    run.on("error", (error) => done(error.message));
    run.on("close", (exit, signal) => done(exit ?? signal ?? 1));
  });
  if (code !== 0) throw new StartupError(`the database could not be created in ${data} (initdb: ${code}):\n${output.trim()}`);
  await rename(unfinished, data);
}
