import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { join } from "node:path";
import type { Sandbox } from "../sandbox.ts";
import { HOST_PATH } from "./command.ts";

/** Host programs and the Debian package that brings each. */
const PROGRAMS: Readonly<Record<string, string>> = {
  bwrap: "bubblewrap",
  unshare: "util-linux",
  setpriv: "util-linux",
  prlimit: "util-linux",
  mount: "mount",
  mkfifo: "coreutils",
  du: "coreutils",
  sync: "coreutils",
  rm: "coreutils",
};

/** Programs that this host lacks, each with the command that installs it. */
export async function missingPrograms(path = HOST_PATH): Promise<string[]> {
  const missing: string[] = [];
  for (const [program, aptPackage] of Object.entries(PROGRAMS)) {
    const found = await Promise.all(
      path.split(":").map((directory) =>
        access(join(directory, program), constants.X_OK).then(
          () => true,
          () => false,
        ),
      ),
    );
    if (!found.includes(true)) missing.push(`the program ${program} is missing: apt install ${aptPackage}`);
  }
  return missing;
}

const LOOK = `echo "uid $(id -u)"; grep -E '^(CapInh|CapPrm|CapEff|CapBnd|CapAmb|NoNewPrivs|Seccomp):' /proc/self/status
tail -n +3 /proc/net/dev | sed 's/^ */net /;s/:.*//'
unshare -U true 2>/dev/null && echo "unshare works"
[ -w /usr ] && echo "usr writable"; [ -e /home/agent ] || echo "no home"; echo end`;

/** Looks around inside of a new sandbox; what does not hold there, in words. */
export async function isolationFaults(sandbox: Sandbox, signal: AbortSignal): Promise<string[]> {
  const execution = sandbox.exec({ argv: ["sh", "-c", LOOK], cwd: "/", timeoutMs: 20_000 }, signal);
  let text = "";
  for await (const { bytes } of execution.output) text = (text + Buffer.from(bytes).toString("latin1")).slice(0, 10_000);
  await execution.exit;
  const lines = text.split("\n").map((line) => line.replace(/\s+/g, " ").trim());
  const expected = [
    "uid 1000",
    ..."CapInh CapPrm CapEff CapBnd CapAmb".split(" ").map((name) => `${name}: 0000000000000000`),
    "NoNewPrivs: 1",
    "Seccomp: 2",
    "end",
  ];
  const faults = expected.filter((line) => !lines.includes(line)).map((line) => `inside of a sandbox "${line}" does not hold`);
  const others = lines
    .filter((line) => line !== "" && line !== "net lo" && !expected.includes(line))
    .map((line) => `inside of a sandbox: ${line}`);
  return [...faults, ...others];
}

/** What an operator can do about a sandbox that did not start. */
export function wayOut(message: string): string {
  if (/new namespace|uid map|Operation not permitted|Permission denied|unshare failed/i.test(message)) {
    return `${message}; this host must allow user namespaces and mounts in them: see sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone and kernel.apparmor_restrict_unprivileged_userns, and in a container its security options`;
  }
  if (/wrong fs type|bad option|invalid argument/i.test(message) && message.includes("mount")) {
    return `${message}; FARHAND_HOME must lie on a file system that an overlay can be written to, such as ext4, xfs or btrfs, not on an overlay itself or a network's, and the kernel must be 5.11 or later`;
  }
  if (/unknown option/i.test(message)) return `${message}; bubblewrap is too old, 0.5 or later is needed`;
  return message;
}
