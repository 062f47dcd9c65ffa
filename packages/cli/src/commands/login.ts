import { connect } from "@farhand/protocol";
import { credentialsFile, readCredentials, writeCredentials } from "../credentials.ts";
import { Failure, INTERRUPTED, USAGE } from "../failure.ts";
import { answer, type Invocation, readInput } from "../invocation.ts";
import { safeLine } from "../safe-text.ts";
import { chooseUrl, isLoopback } from "../service.ts";

const MAX_TOKEN = 4096;

/** Takes a token, tries it, and keeps it for this address, which becomes the one that is meant where none is named. */
export async function login(invocation: Invocation, options: { url?: string }): Promise<number> {
  const { screen, machine } = invocation;
  const url = await chooseUrl(options.url ?? invocation.url, machine);
  if (new URL(url).protocol === "http:" && !isLoopback(url)) {
    screen.err(`farhand: ${url} is not encrypted: whoever is between can read the token. Use https if there is one.\n`);
  }
  const token = invocation.stdin.isTTY ? await askHidden(invocation, `Token for ${url}: `) : (await readInput(invocation, "")).trim();
  if (!token) throw new Failure('no token was given: "farhand token create NAME" makes one', USAGE);
  if (token.length > MAX_TOKEN || /[^\x21-\x7e]/.test(token))
    throw new Failure("this is no token: a token is one line without spaces", USAGE);
  const user = await connect({ url, token }).me();
  const file = credentialsFile(machine.env, machine.home);
  const known = await readCredentials(file);
  await writeCredentials(file, { current: url, services: { ...known.services, [url]: { token, user: user.name } } });
  await answer(invocation, { url, user }, () => `Logged in to ${url} as ${safeLine(user.name)} (${user.role}).\n`);
  return 0;
}

type Keyboard = Invocation["stdin"] & { setRawMode?(on: boolean): unknown };

/** One line from the terminal that is not shown. */
async function askHidden({ stdin, screen, signal }: Invocation, question: string): Promise<string> {
  const keyboard: Keyboard = stdin;
  screen.err(question);
  keyboard.setRawMode?.(true);
  try {
    let line = "";
    for await (const piece of keyboard) {
      for (const key of Buffer.from(piece).toString("utf8")) {
        if (key === "\r" || key === "\n" || key === "\x04") return line.trim();
        if (key === "\x03" || signal.aborted) throw new Failure("no token was stored", INTERRUPTED);
        if (key === "\x7f" || key === "\b") line = line.slice(0, -1);
        else if (key === "\x15") line = "";
        else if (line.length <= MAX_TOKEN) line += key;
      }
    }
    return line.trim();
  } finally {
    keyboard.setRawMode?.(false);
    screen.err("\n");
  }
}
