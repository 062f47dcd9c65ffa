import { spawn } from "node:child_process";
import { open, readFile, rm, rmdir, stat } from "node:fs/promises";
import { join } from "node:path";
import pg from "pg";
import { StartupError } from "../../config.ts";
import { type Cluster, type Owner, prepareCluster } from "./cluster.ts";
import { commandLine, hasEnded, isAlive, untilEnded } from "./process-state.ts";
import { databaseUrl } from "./settings.ts";

export type Postgres = {
  /** For the services: their own database, as a role that owns it and can do no more. */
  url: string;
  /** As the superuser; only for the user who started it. */
  adminUrl: string;
  pid: number;
  /** Resolves when the server has ended, for whatever reason, or the signal came. */
  untilEnded(signal: AbortSignal): Promise<void>;
  /** Ends all connections and the server, and returns when it is gone: hard after `deadlineMs`. May be repeated. */
  stop(deadlineMs?: number): Promise<void>;
};

export type PostgresOptions = { folder: string; owner: Owner; durable?: boolean; say?: (line: string) => void };

/** After a kill -9 of the server its children need a moment to go, and a new one refuses to start beside them. */
const LEFTOVER_MS = 15_000;
const POLL_MS = 20;
/** A server that takes a connection and says nothing is asked again then, so that the signal is heard. */
const ANSWER_MS = 5000;

/**
 * Starts the server of `folder`, or takes up the one that still runs there, and returns once it answers. It lives on when this process dies.
 * Only one process may do this for a folder at a time. Throws StartupError with the server's own words.
 */
export async function startPostgres(options: PostgresOptions, signal: AbortSignal): Promise<Postgres> {
  const say = options.say ?? (() => {});
  const cluster = await prepareCluster(options.folder, options.owner, options.durable ?? true, say);
  const running = await runningServer(cluster);
  if (running !== null && (await answers(cluster, running, say, signal))) return served(cluster, running);
  const hadLeftover = (await postmasterPid(cluster)) !== null;
  const deadline = performance.now() + LEFTOVER_MS;
  for (;;) {
    const before = await stat(cluster.log).then(
      (log) => log.size,
      () => 0,
    );
    const pid = await launch(cluster);
    try {
      if (await answers(cluster, pid, say, signal)) return served(cluster, pid);
    } catch (error) {
      await served(cluster, pid).stop(1000);
      throw error;
    }
    if (!hadLeftover || performance.now() > deadline)
      throw new StartupError(`PostgreSQL did not start:\n${await logSince(cluster, before)}`);
    await new Promise((done) => setTimeout(done, 10 * POLL_MS));
  }
}

/** The pid that stands in the data directory, whether or not such a process lives. */
async function postmasterPid(cluster: Cluster): Promise<number | null> {
  const text = await readFile(join(cluster.data, "postmaster.pid"), "utf8").catch(() => "");
  return Number.parseInt(text, 10) || null;
}

/** The living server of this folder. A pid that meanwhile names another process is removed: PostgreSQL would take it for its own. */
async function runningServer(cluster: Cluster): Promise<number | null> {
  const pid = await postmasterPid(cluster);
  if (pid === null) return null;
  const owner = await stat(`/proc/${pid}`).then(
    (process) => process.uid,
    () => null,
  );
  if (isAlive(pid) && owner === cluster.uid && commandLine(pid).includes(cluster.data)) return pid;
  if (isAlive(pid)) await rm(join(cluster.data, "postmaster.pid"), { force: true });
  return null;
}

async function launch(cluster: Cluster): Promise<number> {
  const log = await open(cluster.log, "a", 0o600);
  try {
    const args = ["-D", cluster.data, "-c", `config_file=${join(cluster.folder, "postgresql.conf")}`];
    const child = spawn(join(cluster.bin, "postgres"), args, {
      cwd: cluster.folder,
      env: { PATH: "/usr/bin:/bin", TZ: "UTC", LC_ALL: "C" },
      stdio: ["ignore", log.fd, log.fd],
      detached: true, // a session of its own: Ctrl-C in the terminal must not end it before its clients
      ...cluster.owner,
    });
    await new Promise<void>((resolve, reject) => {
      child.once("spawn", resolve);
      child.once("error", (error) => reject(new StartupError(`PostgreSQL could not be started: ${error.message}`, { cause: error })));
    });
    child.unref();
    return child.pid as number;
  } finally {
    await log.close();
  }
}

/** Waits until the server lets its superuser in, through recovery however long it takes; false = it ended instead. */
async function answers(cluster: Cluster, pid: number, say: (line: string) => void, signal: AbortSignal): Promise<boolean> {
  const patience = performance.now() + 3000;
  for (let told = false; ; ) {
    signal.throwIfAborted();
    const connectionString = databaseUrl(cluster.sockets, "postgres", "postgres");
    const client = new pg.Client({ connectionString, connectionTimeoutMillis: ANSWER_MS });
    client.on("error", () => {});
    try {
      await client.connect();
      await ensureDatabase(client);
      return true;
    } catch (error) {
      const code = (error as { code?: string }).code ?? "";
      if (!isAlive(pid)) return false;
      const starting = ["57P03", "57P01", "57P02", "ENOENT", "ECONNREFUSED", "ECONNRESET", "EPIPE", ""].includes(code);
      if (!starting) throw new StartupError(`PostgreSQL refuses the connection: ${(error as Error).message}`, { cause: error });
    } finally {
      await client.end().catch(() => {});
    }
    if (!told && performance.now() > patience) {
      told = true;
      say("PostgreSQL is still starting; after a crash it first recovers");
    }
    await new Promise((done) => setTimeout(done, POLL_MS));
  }
}

async function ensureDatabase(client: pg.Client): Promise<void> {
  const role = await client.query("select from pg_roles where rolname = 'farhand'");
  if (role.rowCount === 0) await client.query("create role farhand login");
  const database = await client.query("select from pg_database where datname = 'farhand'");
  if (database.rowCount === 0) await client.query("create database farhand owner farhand");
}

function served(cluster: Cluster, pid: number): Postgres {
  return {
    url: databaseUrl(cluster.sockets, "farhand", "farhand"),
    adminUrl: databaseUrl(cluster.sockets, "postgres", "postgres"),
    pid,
    untilEnded: (signal) => untilEnded(pid, signal),
    async stop(deadlineMs = 5000) {
      await end(pid, deadlineMs);
      if (!cluster.sockets.startsWith(cluster.folder)) await rmdir(cluster.sockets).catch(() => {}); // a new server may be using it
    },
  };
}

async function end(pid: number, deadlineMs: number): Promise<void> {
  signalServer(pid, "SIGINT"); // "fast": connections are ended, the data are written
  if (await hasEnded(pid, deadlineMs)) return;
  signalServer(pid, "SIGQUIT"); // "immediate": recovered at the next start
  if (await hasEnded(pid, 1000)) return;
  signalServer(pid, "SIGKILL");
  await hasEnded(pid, 1000);
}

function signalServer(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // it has ended already
  }
}

async function logSince(cluster: Cluster, from: number): Promise<string> {
  const text = await readFile(cluster.log).catch(() => Buffer.alloc(0));
  return text.subarray(from).toString().trim().split("\n").slice(-10).join("\n") || `see ${cluster.log}`;
}
