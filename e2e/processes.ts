import { readdir, readFile } from "node:fs/promises";

/** The command lines of all processes of this machine, those in sandboxes among them. */
export async function commandLines(): Promise<{ pid: number; line: string }[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  return Promise.all(
    pids.map(async (pid) => {
      const text = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => ""); // it has ended
      return { pid: Number(pid), line: text.replaceAll("\0", " ").trimEnd() };
    }),
  );
}
