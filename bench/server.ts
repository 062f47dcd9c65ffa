import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { freePort } from "../packages/server/src/testing/free-port.ts";

const CLONE = fileURLToPath(new URL("..", import.meta.url));
const STOP_MS = 20_000;

export type Server = AsyncDisposable & { url: string; readyAfterMs: number };

/** `npm start` on this home, from the call to the line that says that it is ready. Disposal is Ctrl-C, and waits for the end. */
export async function npmStart(home: string, signal: AbortSignal, variables: Record<string, string> = {}): Promise<Server> {
  const port = await freePort();
  const startedAt = performance.now();
  const env = {
    ...process.env,
    ...variables,
    FARHAND_HOME: home,
    FARHAND_PORT: String(port),
    FARHAND_ROLE: "all",
    FARHAND_SAMPLE: "no",
    FARHAND_LOG_LEVEL: "error",
  };
  for (const inherited of ["DATABASE_URL", "FARHAND_HOST", "FARHAND_PUBLIC_URL", "FARHAND_URL"]) delete env[inherited as keyof typeof env];
  const child = spawn("npm", ["start"], { cwd: CLONE, env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
  const ended = new Promise<void>((done) => child.once("close", () => done()));
  const end = async () => {
    const group = (name: NodeJS.Signals) => child.pid !== undefined && child.exitCode === null && process.kill(-child.pid, name);
    const late = setTimeout(() => group("SIGKILL"), STOP_MS);
    group("SIGINT");
    await ended;
    clearTimeout(late);
  };
  let said = "";
  const url = new Promise<string>((done, fail) => {
    const listen = (text: string) => {
      said = (said + text).slice(-4_000);
      const ready = /Farhand is ready at (\S+)/.exec(said)?.[1];
      if (ready) done(ready);
    };
    child.stdout.setEncoding("utf8").on("data", listen);
    child.stderr.setEncoding("utf8").on("data", listen);
    child.on("error", fail);
    void ended.then(() => fail(new Error(`npm start ended:\n${said}`)));
    signal.addEventListener("abort", () => fail(signal.reason), { once: true });
  });
  try {
    return { url: await url, readyAfterMs: performance.now() - startedAt, [Symbol.asyncDispose]: end };
  } catch (error) {
    await end();
    throw error;
  }
}
