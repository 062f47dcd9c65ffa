import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../main.ts", import.meta.url));
const LIMIT_MS = 30_000;
const CACHE = mkdtempSync(join(tmpdir(), "farhand-cli-cache-"));
process.on("exit", () => rmSync(CACHE, { recursive: true, force: true }));

export type Ended = { code: number | null; stdout: string; stderr: string; raw: Buffer };
export type Call = {
  cwd?: string;
  env?: Record<string, string>;
  stdin?: string;
  /** Told of what has been written so far, and how to interrupt; that says whether there was something left to interrupt. */
  onOutput?: (stdout: string, interrupt: () => boolean) => void;
};

/** Runs the program as a user would, with nothing of this process's environment but PATH, and a home that is not there. */
export function farhand(args: string[], call: Call = {}): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const env = { PATH: process.env.PATH, HOME: "/nonexistent", XDG_CACHE_HOME: CACHE, ...call.env };
    const child = spawn(process.execPath, [MAIN, ...args], { cwd: call.cwd, env, timeout: LIMIT_MS, killSignal: "SIGKILL" });
    const stdout: Buffer[] = [];
    let stderr = "";
    child.stdout.on("data", (piece: Buffer) => {
      stdout.push(piece);
      call.onOutput?.(Buffer.concat(stdout).toString("utf8"), () => child.kill("SIGINT"));
    });
    child.stderr.on("data", (piece) => {
      stderr += piece;
    });
    child.on("error", reject);
    child.on("close", (code) => {
      const raw = Buffer.concat(stdout);
      resolve({ code, stdout: raw.toString("utf8"), stderr, raw });
    });
    child.stdin.on("error", () => {});
    child.stdin.end(call.stdin ?? "");
  });
}
