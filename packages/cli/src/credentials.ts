import { randomUUID } from "node:crypto";
import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { dirname, isAbsolute, join } from "node:path";
import { z } from "zod";
import { Failure } from "./failure.ts";

const Credentials = z.object({
  /** The service of the last login. */
  current: z.string().nullable(),
  services: z.record(z.string(), z.object({ token: z.string(), user: z.string() })),
});
export type Credentials = z.infer<typeof Credentials>;

export function credentialsFile(env: NodeJS.ProcessEnv, home: string): string {
  const config = env.XDG_CONFIG_HOME && isAbsolute(env.XDG_CONFIG_HOME) ? env.XDG_CONFIG_HOME : join(home, ".config");
  return join(config, "farhand", "credentials.json");
}

/** What `farhand login` has stored; nothing where there was no login. */
export async function readCredentials(file: string): Promise<Credentials> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return { current: null, services: {} };
    throw new Failure(`${file} cannot be read: ${(error as Error).message}`, undefined, { cause: error });
  }
  try {
    return Credentials.parse(JSON.parse(text));
  } catch (cause) {
    throw new Failure(`${file} is damaged: remove it and log in again`, undefined, { cause });
  }
}

/** Readable by its owner only; another process sees the old file or the new one. */
export async function writeCredentials(file: string, credentials: Credentials): Promise<void> {
  const temporary = `${file}.${randomUUID()}`;
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    const handle = await open(temporary, "wx", 0o600);
    try {
      await handle.writeFile(`${JSON.stringify(credentials, null, 2)}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw new Failure(`the token could not be stored: ${(error as Error).message}`, undefined, { cause: error });
  }
}
