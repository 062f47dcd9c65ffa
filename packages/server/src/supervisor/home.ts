import { accessSync, chmodSync, constants, mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { StartupError } from "../config.ts";
import type { SystemUser } from "./system-user.ts";

/**
 * Makes the home with its rights: as root others may pass through it, since the database and sandboxes in it run as other users, but not list
 * it; else it is closed. Throws StartupError.
 */
export function prepareHome(home: string, isRoot: boolean): void {
  try {
    mkdirSync(home, { recursive: true, mode: isRoot ? 0o711 : 0o700 });
    accessSync(home, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new StartupError(
      `FARHAND_HOME: ${home} cannot be used (${(error as Error).message}). Set FARHAND_HOME to a folder that you can write.`,
    );
  }
  const found = statSync(home);
  const mine = process.getuid?.();
  if (found.uid !== mine)
    throw new StartupError(
      `FARHAND_HOME: ${home} belongs to user ${found.uid}, and Farhand runs as user ${mine}. Start it as that user, or set FARHAND_HOME.`,
    );
  chmodSync(home, isRoot ? 0o711 : 0o700);
}

/** The first folder above `path` that this user may not pass through, or null. */
export function closedFolder(path: string, user: SystemUser): string | null {
  for (let folder = path; ; folder = dirname(folder)) {
    const { mode, uid, gid } = statSync(folder);
    const bit = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001;
    if ((mode & bit) === 0) return folder;
    if (folder === dirname(folder)) return null;
  }
}
