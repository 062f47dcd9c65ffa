import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { processIds } from "./processes.ts";

/** What runs leave while they work, and must not leave after it: processes, mounts, control groups, files. Empty = nothing is left. */
export async function leftovers(home: string): Promise<string[]> {
  const id = createHash("sha256").update(home).digest("hex").slice(0, 12);
  return [...(await files(home)), ...(await processes(home, id)), ...(await controlGroups("/sys/fs/cgroup", `${id}-`))];
}

const FOLDERS = ["sandboxes", "checkpoints", "commits", "trash"];

async function files(home: string): Promise<string[]> {
  const found = await Promise.all(
    FOLDERS.map(async (folder) => (await readdir(join(home, folder)).catch(() => [])).map((name) => join(folder, name))),
  );
  const mirrors = await readdir(join(home, "mirrors"), { recursive: true }).catch(() => []);
  return [...found.flat(), ...mirrors.filter((path) => /(^|\/)(tmp_|incoming-)|\.git\.(new|old)$|\.git\/.*\.lock$/.test(path))];
}

/** Those of sandboxes by the marker that they carry, git by the home that it works in, and whoever still sees a sandbox mounted. */
async function processes(home: string, id: string): Promise<string[]> {
  const found = await Promise.all(
    (await processIds()).map(async (pid) => {
      const read = (file: string) => readFile(`/proc/${pid}/${file}`, "utf8").catch(() => "");
      const [command, environment, mounts] = await Promise.all([read("cmdline"), read("environ"), read("mountinfo")]);
      const isOurs =
        `${command}${environment}`.includes(`farhand-sandbox:${id}:`) ||
        mounts.includes(`${home}/sandboxes/`) ||
        (/^git\0/.test(command) && `${command}${environment}`.includes(`${home}/`));
      return isOurs ? [`process ${pid}: ${command.replaceAll("\0", " ").slice(0, 200)}`] : [];
    }),
  );
  return found.flat();
}

async function controlGroups(folder: string, prefix: string): Promise<string[]> {
  const listed = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return listed.filter((entry) => entry.isDirectory() && entry.name.startsWith(prefix)).map((entry) => join(entry.parentPath, entry.name));
}
