import type { Readable } from "node:stream";
import { type Client, connect } from "@farhand/protocol";
import { Failure, INTERRUPTED, USAGE } from "./failure.ts";
import { safeJson } from "./safe-text.ts";
import type { Screen } from "./screen.ts";
import { chooseUrl, findToken, type Machine } from "./service.ts";

/** One call of the program: what a command may touch. */
export type Invocation = {
  machine: Machine;
  cwd: string;
  /** --url */
  url: string | undefined;
  json: boolean;
  screen: Screen;
  stdin: Readable & { isTTY?: boolean };
  /** Aborts at Ctrl-C. A command that leaves by it must say what goes on without it. */
  signal: AbortSignal;
};

/** A client for the service that is meant. Throws Failure if there is no token for it. */
export async function client(invocation: Invocation): Promise<Client> {
  const url = await chooseUrl(invocation.url, invocation.machine);
  return connect({ url, token: await findToken(url, invocation.machine) });
}

/** With --json the one document, else the text. */
export async function answer(invocation: Invocation, value: unknown, text: () => string): Promise<void> {
  await invocation.screen.out(invocation.json ? `${safeJson(value, 2)}\n` : text());
}

/** All of standard input as text. */
export async function readInput(invocation: Invocation, hint: string): Promise<string> {
  if (invocation.stdin.isTTY) invocation.screen.err(`${hint}; end with Ctrl-D:\n`);
  const pieces: Buffer[] = [];
  let size = 0;
  const leave = () => invocation.stdin.destroy(new Failure("interrupted: nothing was sent", INTERRUPTED));
  invocation.signal.addEventListener("abort", leave, { once: true });
  for await (const piece of invocation.stdin) {
    pieces.push(Buffer.from(piece));
    size += piece.length;
    if (size > 64 * 1024 * 1024) throw new Failure("standard input has more than 64 MB", USAGE);
  }
  invocation.signal.removeEventListener("abort", leave);
  return Buffer.concat(pieces).toString("utf8");
}

/** A whole number of an option. Throws Failure that names it. */
export function wholeNumber(option: string, text: string, min = 1): number {
  const number = /^[0-9]{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (!(number >= min)) throw new Failure(`${option} takes a whole number from ${min}, not ${JSON.stringify(text)}`, USAGE);
  return number;
}
