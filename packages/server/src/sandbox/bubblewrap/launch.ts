import { type ChildProcess, type StdioOptions, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import type { Limits } from "@farhand/protocol";
import { SandboxUnavailable } from "../sandbox.ts";
import { type Cgroup, OWN_PROCESSES } from "./cgroup.ts";
import { HOST_PATH } from "./command.ts";
import type { Mode } from "./layers.ts";

/** Where the overlay is mounted, in a mount namespace of the sandbox's own: any directory that every host has and its users can enter. */
const MOUNT_POINT = "/mnt";
/** For a process outside that would hold standard error open after all of the sandbox has ended. */
const LAST_WORDS_MS = 1000;

export type Launch = {
  home: string;
  mode: Mode;
  /** Recognised by `sweep` in the command lines of what is left of a killed worker. */
  marker: string;
  /** Relative to `home`, topmost first; they hold neither `:` nor `,`, whatever the home is called. */
  lower: readonly string[];
  /** Relative to `home`; with `upper` and `work` in it. */
  directory: string;
  uid: number;
  limits: Limits;
  cgroup: Cgroup | null;
  boundDirectories: readonly string[];
  seccompFile: string;
  node: string;
  nodeArguments: readonly string[];
  agent: string;
  /** The socket that leads to the network; null = none does. */
  door: string | null;
  /** An open /dev/null. */
  devNull: number;
};

export type Launched = {
  process: ChildProcess;
  toAgent: Writable;
  fromAgent: Readable;
  /** The end of what launcher and agent said on standard error, for after `ended`, which may come before all of it has been read. */
  complaints(): Promise<string>;
  /** Resolves when the processes have all ended: the launcher waits for the first process of the sandbox, and that one for every other. */
  ended: Promise<{ code: number | null; signal: string | null }>;
  /** Resolves once the first process of the sandbox is known, and so `kill` goes to it. */
  started: Promise<void>;
  /** Kills everything in it. May be repeated. */
  kill(): Promise<void>;
};

/**
 * One shell per sandbox: Node can neither mount nor enter control groups before its child runs. It replaces itself by bubblewrap, so that
 * the worker is the parent of what it ends as, and --die-with-parent means the worker. As an ordinary user `unshare` has made us root of a
 * user namespace, which may mount.
 */
const SCRIPT = `set -e
fstab=$1 filter=$2 blocks=$3
shift 3
while [ "$1" != -- ]; do echo $$ > "$1/cgroup.procs"; shift; done
shift
ulimit -c 0
ulimit -f "$blocks"
mount -a -T "$fstab"
exec 3< "$filter"
cd /
exec "$@"`;

/** The mounts that root makes, so that the sandbox's uid needs no way to their sources. For /etc/fstab's format: the home is left out by relative paths. */
export function mountTable(spec: Pick<Launch, "lower" | "directory" | "mode" | "node" | "agent" | "limits" | "door">): string {
  const overlay = [
    `lowerdir=${spec.lower.join(":")}`,
    `upperdir=${spec.directory}/upper`,
    `workdir=${spec.directory}/work`,
    "volatile", // nothing of it must survive a power failure before it is sealed, and sealing writes it out
    ...(spec.mode === "user" ? ["userxattr"] : ["index=off", "redirect_dir=off", "metacopy=off"]),
  ];
  const temporary = `size=${Math.ceil(spec.limits.memoryMb / 2)}m,mode=1777,nosuid,nodev`;
  const lines = [
    ["farhand", MOUNT_POINT, "overlay", overlay.join(",")],
    ["farhand", `${MOUNT_POINT}/tmp`, "tmpfs", temporary],
    [spec.node, `${MOUNT_POINT}/.farhand/node`, "none", "bind"],
    [spec.agent, `${MOUNT_POINT}/.farhand/agent`, "none", "bind"],
    ...(spec.door ? [[spec.door, `${MOUNT_POINT}/.farhand/door`, "none", "bind"]] : []),
  ];
  return lines.map((fields) => `${fields.map(escaped).join(" ")} 0 0\n`).join("");
}

const escaped = (field: string) => field.replace(/[\s\\#]/g, (letter) => `\\${letter.charCodeAt(0).toString(8).padStart(3, "0")}`);

/** Starts it; how that went shows in `ended` and on the channel. Throws where not even a process could be started. */
export async function launch(spec: Launch): Promise<Launched> {
  await writeFile(join(spec.home, spec.directory, "fstab"), mountTable(spec));
  const { mode, limits } = spec;
  const unshare = mode === "root" ? ["-m", "--propagation", "private"] : ["-Urm", "--propagation", "private"];
  const rights =
    mode === "root"
      ? ["setpriv", `--reuid=${spec.uid}`, `--regid=${spec.uid}`, "--clear-groups", "--no-new-privs"]
      : ["prlimit", `--nproc=${limits.processes + OWN_PROCESSES}`]; // counted within the user namespace, so per sandbox
  const blocks = String(limits.diskMb * 2048);
  const script = [
    "sh",
    "-c",
    SCRIPT,
    spec.marker,
    join(spec.directory, "fstab"),
    spec.seccompFile,
    blocks,
    ...(spec.cgroup?.directories ?? []),
    "--",
  ];
  const child = spawn("unshare", [...unshare, "--", ...script, ...rights, ...bubblewrap(spec)], {
    cwd: spec.home,
    stdio: withoutInherited(["pipe", "pipe", "pipe", spec.devNull, "pipe"], spec.devNull),
    env: { PATH: HOST_PATH, LC_ALL: "C" },
  });
  let complaints = "";
  const ended = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
    child.once("error", (error) => {
      complaints += error.message;
      resolve({ code: null, signal: null });
    });
    child.once("exit", (code, signal) => resolve({ code, signal }));
  });
  if (child.pid === undefined) {
    await ended;
    throw new SandboxUnavailable(`the sandbox could not be started: ${complaints}`); // it may have no streams, either
  }
  const stderr = child.stderr as Readable;
  stderr.setEncoding("utf8").on("data", (text: string) => {
    complaints = (complaints + text).slice(-4000);
  });
  const allSaid = new Promise<void>((resolve) => void stderr.once("close", resolve));
  const first = Promise.withResolvers<number>();
  let status = "";
  (child.stdio[4] as Readable).setEncoding("utf8").on("data", (text: string) => {
    if (status.length < 4000) status += text;
    const found = /"child-pid": *(\d+)/.exec(status);
    if (found) first.resolve(Number(found[1]));
  });
  for (const stream of child.stdio) stream?.on("error", () => {});
  return {
    process: child,
    toAgent: child.stdin as Writable,
    fromAgent: child.stdout as Readable,
    async complaints() {
      await Promise.race([allSaid, sleep(LAST_WORDS_MS, undefined, { ref: false })]);
      return complaints
        .replace(/[^\x20-\x7e]+/g, " ")
        .trim()
        .slice(-500); // some of it may come from inside
    },
    ended,
    started: first.promise.then(() => {}),
    async kill() {
      const isOver = () => child.exitCode !== null || child.signalCode !== null || child.pid === undefined;
      const pid = await Promise.race([first.promise, null]);
      try {
        if (pid !== null && pid > 1 && (await parentOf(pid)) === child.pid && !isOver()) process.kill(pid, "SIGKILL");
        else if (!isOver()) child.kill("SIGKILL");
      } catch {
        // it has just ended
      }
    },
  };
}

/**
 * Descriptors that this worker was itself started with are inherited by everything it starts, down to the commands in the sandbox. Each is
 * covered with /dev/null.
 */
function withoutInherited(stdio: StdioOptions & unknown[], devNull: number): StdioOptions {
  const all = [...stdio] as (number | "pipe" | "ignore")[];
  for (const name of readdirSync("/proc/self/fd")) {
    const fd = Number(name);
    if (fd < stdio.length || isClosedOnExec(fd)) continue;
    while (all.length < fd) all.push("ignore");
    all[fd] = devNull;
  }
  return all;
}

function isClosedOnExec(fd: number): boolean {
  try {
    const flags = /^flags:\s*([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "latin1"))?.[1] ?? "0";
    return (Number.parseInt(flags, 8) & 0o2000000) !== 0;
  } catch {
    return true; // closed meanwhile
  }
}

function bubblewrap(spec: Launch): string[] {
  return [
    "bwrap",
    ...["--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"],
    ...["--die-with-parent", "--new-session", "--cap-drop", "ALL", "--json-status-fd", "4", "--seccomp", "3"],
    ...["--uid", "1000", "--gid", "1000", "--hostname", "sandbox", "--clearenv", "--setenv", "PATH", "/usr/bin:/bin"],
    ...["--setenv", "MARKER", spec.marker, "--unsetenv", "MARKER"], // for `sweep`, which reads command lines
    ...["--bind", MOUNT_POINT, "/"],
    ...spec.boundDirectories.flatMap((path) => ["--ro-bind", path, path]),
    ...["node", "agent", ...(spec.door ? ["door"] : [])].flatMap((name) => ["--remount-ro", `/.farhand/${name}`]),
    ...["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/run", "--chdir", "/"],
    ...["--", "/.farhand/node", ...spec.nodeArguments, "/.farhand/agent", ...(spec.door ? ["door"] : [])],
  ];
}

async function parentOf(pid: number): Promise<number | null> {
  const stat = await readFile(join("/proc", String(pid), "stat"), "latin1").catch(() => "");
  const parent = stat.slice(stat.lastIndexOf(")") + 1).split(" ")[2];
  return parent === undefined ? null : Number(parent);
}
