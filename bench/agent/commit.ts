import { command } from "../command.ts";
import type { File } from "./cases.ts";

/** Makes a bare repository. */
export async function bareRepository(path: string, signal: AbortSignal): Promise<void> {
  await command(["git", "init", "--quiet", "--bare", "--initial-branch=main", path], signal);
}

/** Commits these files onto `from` (null = the first commit) as the new head of `branch`. No working tree, so nothing in the repository can act. */
export async function commitFiles(
  repository: string,
  branch: string,
  from: string | null,
  files: readonly File[],
  signal: AbortSignal,
): Promise<void> {
  const head = `commit refs/heads/${branch}\ncommitter Bench <bench@example.org> 1700000000 +0000\ndata 5\nFiles\n`;
  const changes = files.map(({ path, bytes }) =>
    Buffer.concat([Buffer.from(`M 100644 inline ${quoted(path)}\ndata ${bytes.length}\n`), bytes, Buffer.from("\n")]),
  );
  const stream = Buffer.concat([Buffer.from(head), Buffer.from(from === null ? "" : `from ${from}^0\n`), ...changes]);
  await command(["git", "-C", repository, "fast-import", "--quiet", "--force"], signal, [stream]);
}

function quoted(path: string): string {
  return `"${path.replace(/[\\"]/g, "\\$&")}"`;
}
