import { randomUUID } from "node:crypto";
import { normalize } from "node:path/posix";
import { z } from "zod";
import type { Sandbox } from "../../sandbox/sandbox.ts";
import { capture, codeOf } from "./capture.ts";

/** The largest file that is changed by a tool. */
export const MAX_FILE_BYTES = 8 * 1024 * 1024;

/** Of a file or directory, as the model names it. */
export const Path = z
  .string()
  .min(1, "is empty")
  .max(4096, "is too long")
  .refine((path) => !path.includes("\0"), "must not contain a NUL character");

/** Outside the working tree, so that nothing of it is taken for a change; on the same file system, so that a rename brings it in whole. */
const STAGE = "/var/tmp";

const LOOK = `
[ -d "$1" ] && exit 40
[ -e "$1" ] || exit 41
[ -f "$1" ] || exit 42
[ -r "$1" ] || exit 43
exec head -c "$2" -- "$1"`;

/** Prints where the path leads to, without a newline. The staged file has the mode of the one that it is to replace, or else of `$3`. */
const PUT_ASIDE = `
t=$1
if [ -L "$t" ]; then t=$(readlink -f -- "$t") || exit 42; fi
[ -d "$t" ] && exit 40
if [ -e "$t" ]; then
  [ -f "$t" ] || exit 42
  [ -w "$t" ] || exit 44
  cp -p -- "$t" "$2" || exit 45
else
  d=\${t%/*}
  mkdir -p -- "\${d:-/}" || exit 45
  [ -w "\${d:-/}" ] || exit 44
  if [ -n "$3" ]; then cp -p -- "$3" "$2" || exit 45; fi
fi
cat > "$2" || { rm -f -- "$2"; exit 45; }
printf %s "$t"`;

const BRING_IN = `
while [ $# -gt 0 ]; do
  if [ "$1" = put ]; then mv -f -- "$2" "$3" || exit 1; shift 3
  else rm -f -- "$2" || exit 1; shift 2
  fi
done`;

export type Found = { kind: "file"; bytes: Buffer; more: boolean } | { kind: "directory" } | { kind: "missing" };

/** The path in the sandbox, absolute. The sandbox is the boundary, so every path of it may be named. */
export function absolute(path: string, workspace: string): string {
  return normalize(path.startsWith("/") ? path : `${workspace}/${path}`);
}

/** The beginning of a file. Throws, in words for the model, where it is neither file nor directory or cannot be read. */
export async function look(sandbox: Sandbox, path: string, maxBytes: number, signal: AbortSignal): Promise<Found> {
  const argv = ["/bin/sh", "-c", LOOK, "sh", path, String(maxBytes + 1)] as const;
  const { exit, stdout, stderr } = await capture(sandbox, { argv, cwd: "/" }, maxBytes + 1, signal);
  const code = codeOf(exit);
  if (code === 0) return { kind: "file", bytes: stdout.subarray(0, maxBytes), more: stdout.length > maxBytes };
  if (code === 40) return { kind: "directory" };
  if (code === 41) return { kind: "missing" };
  throw new Error(`${path} ${fault(code, stderr)}`);
}

/** The whole of a file that a tool is to change; null = there is none. Throws as `look`, and for a directory or a file too large. */
export async function wholeFile(sandbox: Sandbox, path: string, signal: AbortSignal): Promise<Buffer | null> {
  const found = await look(sandbox, path, MAX_FILE_BYTES, signal);
  if (found.kind === "missing") return null;
  if (found.kind === "directory") throw new Error(`${path} is a directory`);
  if (found.more) throw new Error(`${path} is larger than ${MAX_FILE_BYTES / 1024 / 1024} MiB: change it with shell`);
  return found.bytes;
}

/** `bytes: null` removes the file. A new file has the mode of `like`, where one is named. */
export type Change = { path: string; bytes: Uint8Array | null; like?: string | undefined };

/**
 * Changes all of the files or none: everything that can fail (rights, disk) has been tried before the first is touched. A file keeps its mode,
 * a symbolic link stays one, directories are made. Throws in words for the model.
 */
export async function changeFiles(sandbox: Sandbox, changes: readonly Change[], signal: AbortSignal): Promise<void> {
  const staged: string[] = [];
  const moves: string[] = [];
  try {
    for (const { path, bytes, like } of changes) {
      if (bytes === null) {
        moves.push("drop", path);
        continue;
      }
      const stage = `${STAGE}/.farhand-${randomUUID()}`;
      staged.push(stage);
      const command = { argv: ["/bin/sh", "-c", PUT_ASIDE, "sh", path, stage, like ?? ""] as const, cwd: "/", stdin: bytes };
      const { exit, stdout, stderr } = await capture(sandbox, command, 16_384, signal);
      if (codeOf(exit) !== 0) throw new Error(`${path} ${fault(codeOf(exit), stderr)}; nothing was changed`);
      moves.push("put", stage, stdout.toString("utf8"));
    }
    const { exit, stderr } = await capture(sandbox, { argv: ["/bin/sh", "-c", BRING_IN, "sh", ...moves], cwd: "/" }, 16_384, signal);
    if (codeOf(exit) !== 0) throw new Error(`not everything could be changed: ${stderr}`);
  } catch (error) {
    const remove = { argv: ["/bin/rm", "-f", "--", ...staged] as const, cwd: "/" };
    await capture(sandbox, remove, 0, AbortSignal.timeout(5_000)).catch(() => {}); // what failed above tells more
    throw error;
  }
}

function fault(code: number, stderr: string): string {
  if (code === 40) return "is a directory";
  if (code === 42) return "is no regular file";
  if (code === 43) return "cannot be read: permission denied";
  if (code === 44) return "cannot be written: it is read-only";
  return `failed${stderr ? `: ${stderr}` : ""}`;
}
