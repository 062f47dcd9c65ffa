import { createHash, randomUUID } from "node:crypto";
import { lstat, mkdir, open, readdir, rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { LayerId, LayerKey } from "../sandbox.ts";
import { SandboxUnavailable } from "../sandbox.ts";
import { command } from "./command.ts";

/** How the overlay of a layer marks deletions: as root in `trusted.*` attributes, else in `user.*`. One cannot read the other's. */
export type Mode = "root" | "user";

const FORMAT = "1";
/** Top-level names that are the image's and the machine's own: a layer never brings them. */
const RESERVED = new Set(["usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32", "etc", "proc", "dev", "sys", "tmp", "run", ".farhand"]);

/** The layer of this key: mode, format and owner are part of where it is, so that they never mix. */
export function layerId(mode: Mode, owner: number, key: LayerKey): LayerId {
  return `${mode}${FORMAT}/${owner}/${createHash("sha256").update(key).digest("hex").slice(0, 32)}`;
}

/** Path of a layer relative to the home. Throws SandboxUnavailable when it cannot be under a sandbox of this mode and owner. */
export async function layerPath(home: string, mode: Mode, owner: number, id: LayerId): Promise<string> {
  if (!/^[a-z]+[0-9]+\/[0-9]+\/[0-9a-f]{32}$/.test(id)) throw new SandboxUnavailable(`${JSON.stringify(id)} is no layer`);
  if (!id.startsWith(`${mode}${FORMAT}/${owner}/`))
    throw new SandboxUnavailable(`layer ${id} was not sealed for owner ${owner} in mode ${mode}`);
  const path = join("layers", id);
  if (!(await exists(join(home, path)))) throw new SandboxUnavailable(`layer ${id} is not on this host`);
  return path;
}

export async function exists(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => null)) !== null;
}

/**
 * Makes a layer of an upper directory that is mounted nowhere any more. What it holds is on the disk before it has a layer's name, so
 * neither a crash nor a power failure leaves half of one. If the layer is there already, that one wins and `upper` is left where it is.
 */
export async function keepAsLayer(home: string, upper: string, id: LayerId, mode: Mode): Promise<void> {
  const target = join(home, "layers", id);
  if (await exists(target)) return;
  for (const name of await readdir(upper)) if (RESERVED.has(name)) await removeAt(join(upper, name), mode);
  await command("sync", ["-f", upper]);
  await mkdir(dirname(target), { recursive: true });
  await rename(upper, target).catch(async (error) => {
    if (!(await exists(target))) throw error; // else somebody was faster
  });
  await syncDirectory(dirname(target));
}

async function syncDirectory(path: string): Promise<void> {
  await using handle = await open(path, "r");
  await handle.sync();
}

/**
 * Removes a tree that hostile code has written. It is taken out of sight by one rename, so nobody sees half of it; `rm` then goes by
 * directory handles, so no symlink leads it away. An ordinary user does it as root of a user namespace, for directories of mode 000.
 */
export async function removeTree(home: string, path: string, mode: Mode): Promise<void> {
  const trash = join(home, "trash");
  const doomed = join(trash, randomUUID());
  await mkdir(trash, { recursive: true });
  try {
    await rename(path, doomed);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  await removeAt(doomed, mode);
}

/** What an interrupted removal left. */
export async function emptyTrash(home: string, mode: Mode): Promise<void> {
  for (const name of await readdir(join(home, "trash")).catch(() => [])) await removeAt(join(home, "trash", name), mode);
}

/** Removes a tree of hostile code where it is; see `removeTree`. */
export async function removeAt(path: string, mode: Mode): Promise<void> {
  const remove = ["rm", "-rf", "--one-file-system", "--", path];
  if (mode === "root") await command("rm", remove.slice(1));
  else await command("unshare", ["-Ur", "--", ...remove]);
}

/** Those of this mode, of every owner. */
export async function allLayers(home: string, mode: Mode): Promise<LayerId[]> {
  const top = `${mode}${FORMAT}`;
  const owners = await readdir(join(home, "layers", top)).catch(() => []);
  const names = await Promise.all(
    owners.map(async (owner) => (await readdir(join(home, "layers", top, owner))).map((name) => `${top}/${owner}/${name}`)),
  );
  return names.flat();
}

/** What a layer holds on the disk; null where that cannot be told. */
export async function layerBytes(home: string, id: LayerId, mode: Mode): Promise<number | null> {
  const du = ["-s", "-x", "--block-size=1", "--", join(home, "layers", id)];
  const text = await (mode === "root" ? command("du", du) : command("unshare", ["-Ur", "--", "du", ...du])).catch(() => "");
  const bytes = /^(\d+)/.exec(text)?.[1];
  return bytes === undefined ? null : Number(bytes);
}
