import { readdir, readFile } from "node:fs/promises";

/** The ids of all processes of this machine. */
export async function processIds(): Promise<number[]> {
  return (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
}

/** The command lines of all processes of this machine, those in sandboxes among them. */
export async function commandLines(): Promise<{ pid: number; line: string }[]> {
  return Promise.all(
    (await processIds()).map(async (pid) => {
      const text = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => ""); // it has ended
      return { pid, line: text.replaceAll("\0", " ").trimEnd() };
    }),
  );
}
