import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";

/** The absolute path of a program that can be run, or null. @param {string} name @returns {string | null} */
export function find(name) {
  for (const directory of (process.env.PATH || "/usr/local/bin:/usr/bin:/bin").split(delimiter)) {
    const path = join(directory, name);
    try {
      accessSync(path, constants.X_OK);
      if (statSync(path).isFile()) return path;
    } catch {
      // not here
    }
  }
  return null;
}
