import { readFile } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import { serviceUrl } from "@farhand/protocol";
import { credentialsFile, readCredentials } from "./credentials.ts";
import { Failure } from "./failure.ts";

const DEFAULT_URL = "http://127.0.0.1:7420";
const ROOT_HOME = "/var/lib/farhand";

/** What of this machine decides which service is meant. */
export type Machine = { env: NodeJS.ProcessEnv; home: string; isRoot: boolean };

/** The address: --url, FARHAND_URL, the last login, else where the service of this machine says that it listens. */
export async function chooseUrl(option: string | undefined, machine: Machine): Promise<string> {
  const named = option ?? (machine.env.FARHAND_URL || undefined);
  if (named !== undefined) return serviceUrl(named);
  const { current } = await readCredentials(credentialsFile(machine.env, machine.home));
  return serviceUrl(current ?? (await ownAddress(machine)) ?? DEFAULT_URL);
}

async function ownAddress(machine: Machine): Promise<string | null> {
  for (const folder of serviceHomes(machine)) {
    const address = await readFile(join(folder, "address"), "utf8").catch(() => "");
    if (address) return address.trim();
  }
  return null;
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
  for (const file of serviceHomes(machine).map((folder) => join(folder, "token"))) {
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

/** Where a service of this machine keeps what it has, the likeliest first. */
function serviceHomes({ env, home, isRoot }: Machine): string[] {
  if (env.FARHAND_HOME) {
    if (!isAbsolute(env.FARHAND_HOME))
      throw new Failure(`FARHAND_HOME is ${JSON.stringify(env.FARHAND_HOME)}: it must be an absolute path`);
    return [env.FARHAND_HOME];
  }
  return isRoot ? [ROOT_HOME] : [join(home, ".farhand"), ROOT_HOME];
}

/** Whether the address can only be this machine. */
export function isLoopback(url: string): boolean {
  return /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(new URL(url).hostname);
}
