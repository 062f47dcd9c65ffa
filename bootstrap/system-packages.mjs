import { spawnSync } from "node:child_process";
import { find } from "./programs.mjs";
import { Failure, say } from "./say.mjs";

/** Which package brings a program; the name is the same on every distribution named below. @type {Record<string, string[]>} */
const PACKAGES = { bwrap: ["bubblewrap"], git: ["git", "ca-certificates"] };

const INSTALL = [
  ["apt-get", "apt-get install -y"],
  ["dnf", "dnf install -y"],
  ["zypper", "zypper install -y"],
  ["pacman", "pacman -S --noconfirm"],
  ["apk", "apk add"],
];

/**
 * Makes sure that these programs are there. As root on Debian or Ubuntu they are installed, after saying so; else it throws Failure with the
 * command to give. @param {string[]} programs
 */
export function requirePrograms(programs) {
  const missing = programs.filter((program) => !find(program));
  if (missing.length === 0) return;
  const packages = missing.flatMap((program) => PACKAGES[program] ?? [program]);
  if (process.getuid?.() === 0 && find("apt-get")) {
    say(`Installing system packages with apt-get: ${packages.join(" ")}`);
    // The list of packages is fetched only when it is needed: it takes longer than the packages themselves.
    if (!aptInstall(packages)) {
      aptGet(["update", "-q"]);
      aptInstall(packages);
    }
  }
  const still = missing.filter((program) => !find(program));
  if (still.length === 0) return;
  const install = INSTALL.find(([program]) => find(/** @type {string} */ (program)))?.[1];
  const command = install
    ? `: ${process.getuid?.() === 0 ? "" : "sudo "}${install} ${packages.join(" ")}`
    : ` (packages ${packages.join(", ")})`;
  throw new Failure(`${still.join(" and ")} is missing on this machine. Install it and start again${command}`);
}

/** @param {string[]} packages */
const aptInstall = (packages) => aptGet(["install", "-y", "-q", "--no-install-recommends", ...packages]);

/** @param {string[]} args */
function aptGet(args) {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  return spawnSync("apt-get", args, { stdio: ["ignore", 2, 2], env }).status === 0;
}
