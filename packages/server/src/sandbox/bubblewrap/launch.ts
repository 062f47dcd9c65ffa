import { type ChildProcess, spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import type { Limits } from "@farhand/protocol";
import type { Cgroup } from "./cgroup.ts";
import type { Mode } from "./layers.ts";

/** Where the overlay is mounted, in a mount namespace of the sandbox's own: any directory that every host has and its users can enter. */
const MOUNT_POINT = "/mnt";

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
};

export type Launched = {
  process: ChildProcess;
  toAgent: Writable;
  fromAgent: Readable;
  /** The end of what launcher and agent said on standard error. */
  complaints(): string;
  /** Resolves when the processes have all ended: the launcher waits for the first process of the sandbox, and that one for every other. */
  ended: Promise<{ code: number | null; signal: string | null }>;
  /** Kills everything in it. May be repeated. */
  kill(): Promise<void>;
};

/**
 * One shell per sandbox: Node can neither mount nor enter control groups before its child runs. It replaces itself by bubblewrap, so that
 * the worker is the parent of what it ends as, and --die-with-parent means the worker. As an ordinary user `unshare` has made us root of a
 * user namespace, which may mount; $1 to $8 are set below, the rest is what to execute.
 */
const SCRIPT = `set -e
for group in $4; do echo $$ > "$group/cgroup.procs"; done
ulimit -c 0
ulimit -f "$5"
[ -z "$6" ] || ulimit -p "$6"
mount -t overlay -o "$1" farhand ${MOUNT_POINT}
mount -t tmpfs -o "$7" farhand ${MOUNT_POINT}/tmp
mount --bind "$2" ${MOUNT_POINT}/.farhand/node
mount --bind "$3" ${MOUNT_POINT}/.farhand/agent
exec 3< "$8"
cd /
shift 8
exec "$@"`;

export function launch(spec: Launch): Launched {
  const { mode, limits } = spec;
  const overlay = [
    `lowerdir=${spec.lower.join(":")}`,
    `upperdir=${spec.directory}/upper`,
    `workdir=${spec.directory}/work`,
    "volatile", // nothing of it must survive a power failure before it is sealed, and sealing writes it out
    ...(mode === "user" ? ["userxattr"] : ["index=off", "redirect_dir=off", "metacopy=off"]),
  ].join(",");
  const variables = [
    overlay,
    spec.node,
    spec.agent,
    (spec.cgroup?.directories ?? []).join("\n"),
    String(limits.diskMb * 2048), // in blocks of 512 bytes
    "",
    `size=${Math.ceil(limits.memoryMb / 2)}m,mode=1777,nosuid,nodev`,
    spec.seccompFile,
  ];
  const unshare = mode === "root" ? ["-m", "--propagation", "private"] : ["-Urm", "--propagation", "private"];
  const user = mode === "root" ? ["setpriv", `--reuid=${spec.uid}`, `--regid=${spec.uid}`, "--clear-groups", "--no-new-privs"] : [];
  const child = spawn("unshare", [...unshare, "--", "sh", "-c", SCRIPT, spec.marker, ...variables, ...user, ...bubblewrap(spec)], {
    cwd: spec.home,
    stdio: ["pipe", "pipe", "pipe", "ignore", "pipe"],
    env: { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C", IFS: "\n" },
  });
  let complaints = "";
  (child.stderr as Readable).setEncoding("utf8").on("data", (text: string) => {
    complaints = (complaints + text).slice(-4000);
  });
  let status = "";
  (child.stdio[4] as Readable).setEncoding("utf8").on("data", (text: string) => {
    if (status.length < 4000) status += text;
  });
  for (const stream of child.stdio) stream?.on("error", () => {});
  const ended = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
    child.once("error", (error) => {
      complaints += error.message;
      resolve({ code: null, signal: null });
    });
    child.once("exit", (code, signal) => resolve({ code, signal }));
  });
  return {
    process: child,
    toAgent: child.stdin as Writable,
    fromAgent: child.stdout as Readable,
    complaints: () => complaints.trim(),
    ended,
    async kill() {
      const first = Number(/"child-pid": *(\d+)/.exec(status)?.[1] ?? 0);
      const isOver = () => child.exitCode !== null || child.signalCode !== null || child.pid === undefined;
      if (isOver()) return;
      try {
        if (first > 1 && (await parentOf(first)) === child.pid && !isOver()) process.kill(first, "SIGKILL");
        else child.kill("SIGKILL");
      } catch {
        // it has just ended
      }
    },
  };
}

function bubblewrap(spec: Launch): string[] {
  return [
    "bwrap",
    ...["--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"],
    ...["--die-with-parent", "--new-session", "--cap-drop", "ALL", "--json-status-fd", "4", "--seccomp", "3"],
    ...["--uid", "1000", "--gid", "1000", "--hostname", "sandbox", "--clearenv", "--setenv", "PATH", "/usr/bin:/bin"],
    ...["--bind", MOUNT_POINT, "/"],
    ...spec.boundDirectories.flatMap((path) => ["--ro-bind", path, path]),
    ...["--remount-ro", "/.farhand/node", "--remount-ro", "/.farhand/agent"],
    ...["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/run", "--chdir", "/"],
    ...["--", "/.farhand/node", ...spec.nodeArguments, "/.farhand/agent"],
  ];
}

async function parentOf(pid: number): Promise<number | null> {
  const stat = await readFile(join("/proc", String(pid), "stat"), "latin1").catch(() => "");
  const parent = stat.slice(stat.lastIndexOf(")") + 1).split(" ")[2];
  return parent === undefined ? null : Number(parent);
}
