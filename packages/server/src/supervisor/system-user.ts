import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { StartupError } from "../config.ts";

/** Under root, the database and the public API run as this user, who owns nothing else. */
export const SYSTEM_USER = "farhand";

export type SystemUser = { name: string; uid: number; gid: number };

/** The system user of this machine, where this process is root and the user exists; null otherwise. */
export function systemUser(): SystemUser | null {
  if (process.getuid?.() !== 0) return null;
  const line = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .find((one) => one.startsWith(`${SYSTEM_USER}:`));
  if (!line) return null;
  const [name = "", , uid, gid] = line.split(":");
  return { name, uid: Number(uid), gid: Number(gid) };
}

/** As root, makes the system user where there is none yet; null = not root, everything runs as the user who started it. Throws StartupError. */
export function ensureSystemUser(home: string, say: (line: string) => void): SystemUser | null {
  if (process.getuid?.() !== 0) return null;
  const known = systemUser();
  if (known) return known;
  say(`Creating the system user ${SYSTEM_USER}`);
  const args = ["--system", "--user-group", "--no-create-home", "--home-dir", home, "--shell", "/usr/sbin/nologin", SYSTEM_USER];
  const made = spawnSync("useradd", args, { encoding: "utf8", env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" } });
  const user = systemUser(); // another start may have made it in the meantime
  if (user) return user;
  throw new StartupError(
    `the system user ${SYSTEM_USER} could not be made: ${(made.stderr || made.error?.message || "").trim()}. Make it by hand: useradd ${args.join(" ")}`,
  );
}
