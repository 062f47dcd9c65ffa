import { readFile } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import { serviceUrl } from "@farhand/protocol";
import { credentialsFile, readCredentials } from "./credentials.ts";
import { Failure } from "./failure.ts";

export const DEFAULT_URL = "http://127.0.0.1:7420";
const ROOT_HOME = "/var/lib/farhand";

/** What of this machine decides which service is meant. */
export type Machine = { env: NodeJS.ProcessEnv; home: string; isRoot: boolean };

/** The address: --url, FARHAND_URL, the last login, else this machine. */
export async function chooseUrl(option: string | undefined, machine: Machine): Promise<string> {
  const named = option ?? (machine.env.FARHAND_URL || undefined);
  if (named !== undefined) return serviceUrl(named);
  return serviceUrl((await readCredentials(credentialsFile(machine.env, machine.home))).current ?? DEFAULT_URL);
}

/** The token: FARHAND_TOKEN, that of the login to this address, else, if the address is this machine, that of the service's own home. */
export async function findToken(url: string, machine: Machine): Promise<string> {
  const given = machine.env.FARHAND_TOKEN?.trim();
  if (given) return given;
  const stored = (await readCredentials(credentialsFile(machine.env, machine.home))).services[url]?.token;
  if (stored) return stored;
  const login = `"farhand login ${url}" stores one`;
  if (!isLoopback(url)) throw new Failure(`there is no token for ${url}: ${login}, or set FARHAND_TOKEN`); // the local one must not leave this machine
  const missing: string[] = [];
  for (const file of tokenFiles(machine)) {
    try {
      const token = (await readFile(file, "utf8")).trim();
      if (token) return token;
      missing.push(`${file} is empty`);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === "EACCES") missing.push(`${file} may be read only by the user who runs Farhand`);
      else missing.push(code === "ENOENT" ? `${file} does not exist` : `${file} cannot be read: ${(error as Error).message}`);
    }
  }
  throw new Failure(
    `there is no token for ${url}: ${missing.join("; ")}.\n` +
      `Farhand writes this file when it starts for the first time (npm start; FARHAND_HOME names its folder). ` +
      `Run this as the user who runs Farhand, or ask an administrator for a token ("farhand token create"): ${login}.`,
  );
}

function tokenFiles({ env, home, isRoot }: Machine): string[] {
  if (env.FARHAND_HOME) {
    if (!isAbsolute(env.FARHAND_HOME))
      throw new Failure(`FARHAND_HOME is ${JSON.stringify(env.FARHAND_HOME)}: it must be an absolute path`);
    return [join(env.FARHAND_HOME, "token")];
  }
  return isRoot ? [join(ROOT_HOME, "token")] : [join(home, ".farhand", "token"), join(ROOT_HOME, "token")];
}

/** Whether the address can only be this machine. */
export function isLoopback(url: string): boolean {
  return /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(new URL(url).hostname);
}
