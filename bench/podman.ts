import { mkdir, readdir, readlink, symlink } from "node:fs/promises";
import { join } from "node:path";
import { command, installed } from "./command.ts";

export type Podman = {
  /** A new container that runs one command and is removed again. */
  run(argv: readonly string[], signal: AbortSignal): Promise<string>;
  /** A container that lives until `remove`, by its name. */
  keep(name: string, signal: AbortSignal): Promise<void>;
  exec(name: string, argv: readonly string[], signal: AbortSignal): Promise<string>;
  remove(name: string): Promise<void>;
};

/** Podman with the host's own programs as its image, like Farhand's sandboxes; null where it is not installed. */
export async function podman(folder: string, signal: AbortSignal): Promise<Podman | null> {
  if (!(await installed("podman", signal))) return null;
  const root = join(folder, "rootfs");
  await mkdir(join(root, "usr"), { recursive: true });
  for (const name of (await readdir("/")).filter((entry) => /^(bin|sbin|lib.*)$/.test(entry))) {
    const target = await readlink(join("/", name)).catch(() => null);
    if (target) await symlink(target, join(root, name));
  }
  const limits = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024", "--network", "none"];
  const image = ["--volume", "/usr:/usr:ro", "--rootfs", root];
  return {
    run: (argv, signal) => command(["podman", "run", "--rm", ...limits, ...image, ...argv], signal),
    keep: async (name, signal) =>
      void (await command(["podman", "run", "--detach", "--name", name, ...limits, ...image, "/bin/sleep", "3600"], signal)),
    exec: (name, argv, signal) => command(["podman", "exec", name, ...argv], signal),
    remove: async (name) => void (await command(["podman", "rm", "--force", "--time", "0", name], AbortSignal.timeout(30_000))),
  };
}
