import { spawn } from "node:child_process";
import { statSync } from "node:fs";
import { chmod, chown, copyFile, cp, mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Belongs to nobody on a host that keeps to Debian's ranges. */
const ORDINARY_UID = 64_999;

/**
 * Runs test files of this folder as an ordinary user, with the folder copied to where that user can read it. Resolves with what it
 * printed if all passed; rejects with it otherwise. For root only.
 */
export async function runAsOrdinaryUser(...testFiles: readonly string[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "farhand-ordinary-"));
  try {
    await chmod(folder, 0o755);
    await cp(import.meta.dirname, join(folder, "sandbox"), { recursive: true });
    await copyProtocol(folder);
    await mkdir(join(folder, "tmp"));
    await chown(join(folder, "tmp"), ORDINARY_UID, ORDINARY_UID);
    const node = await reachableNode(folder);
    const user = [`--reuid=${ORDINARY_UID}`, `--regid=${ORDINARY_UID}`, "--clear-groups", "--"];
    const child = spawn(
      "setpriv",
      [...user, node, "--test", "--test-reporter=spec", ...testFiles.map((file) => join(folder, "sandbox", file))],
      {
        cwd: folder,
        stdio: ["ignore", "pipe", "pipe"],
        env: { PATH: process.env.PATH, TMPDIR: join(folder, "tmp"), HOME: join(folder, "tmp") },
      },
    );
    let text = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (part: string) => {
        text += part;
      });
    }
    const code = await new Promise((resolve) => child.on("close", resolve));
    if (code !== 0) throw new Error(text);
    return text;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What the folder imports: the protocol by a link, since Node strips no types below `node_modules`, and what that imports itself. */
async function copyProtocol(folder: string): Promise<void> {
  const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));
  await cp(at("../../../protocol"), join(folder, "protocol"), { recursive: true });
  await cp(at("../../../../node_modules/zod"), join(folder, "node_modules/zod"), { recursive: true });
  await mkdir(join(folder, "node_modules/@farhand"));
  await symlink("../../protocol", join(folder, "node_modules/@farhand/protocol"));
}

/** This process's own Node, or a copy of it if the user has no way to it. */
async function reachableNode(folder: string): Promise<string> {
  const parts = process.execPath.split("/");
  const open = parts.every((_, index) => {
    const path = parts.slice(0, index + 1).join("/") || "/";
    return (statSync(path).mode & 0o001) !== 0;
  });
  if (open) return process.execPath;
  const copy = join(folder, "node");
  await copyFile(process.execPath, copy);
  await chmod(copy, 0o755);
  return copy;
}
