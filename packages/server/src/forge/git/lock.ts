import { spawn } from "node:child_process";
import { type FileHandle, open } from "node:fs/promises";

/** A held lock. `fd` may be given to child processes (GitCall.holds): then the lock ends when all of them have ended too. */
export interface Lock extends AsyncDisposable {
  readonly fd: number;
}

/**
 * Waits for the only lock on a file, among all processes of this host. The kernel holds it, so it ends with its holders, however they end.
 * The file is made if need be, and stays.
 */
export async function lockFile(path: string, signal: AbortSignal): Promise<Lock> {
  const file = await open(path, "a", 0o600);
  try {
    signal.throwIfAborted();
    await takeLock(file, signal);
  } catch (error) {
    await file.close();
    throw error;
  }
  let closing: Promise<void> | null = null;
  return { fd: file.fd, [Symbol.asyncDispose]: () => (closing ??= file.close()) };
}

/** Node has no flock of its own: the program takes the lock on the open file that it shares with us, and ends. */
function takeLock(file: FileHandle, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn("flock", ["--exclusive", "3"], { stdio: ["ignore", "ignore", "ignore", file.fd], cwd: "/" });
    const stop = () => child.kill("SIGKILL");
    signal.addEventListener("abort", stop, { once: true });
    child.once("error", reject);
    child.once("close", (code) => {
      signal.removeEventListener("abort", stop);
      if (signal.aborted) reject(signal.reason);
      else if (code === 0) resolve();
      else reject(new Error(`flock ended with ${code}`));
    });
  });
}
