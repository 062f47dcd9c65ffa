import { UserError } from "../../domain/user-error.ts";
import { GitError } from "./host-git.ts";
import { nameOf } from "./repository.ts";
import type { Access } from "./transport.ts";

type Case = { pattern: RegExp; code: UserError["code"]; say: (name: string, access: Access, words: string) => string };

/** In this order: the first that fits is told. */
const CASES: readonly Case[] = [
  {
    pattern: /No space left on device|Disk quota exceeded/i,
    code: "unavailable",
    say: (name) => `The server's disk is full, so ${name} could not be fetched: the operator must make room.`,
  },
  {
    pattern: /fsck error in|fsck: /i,
    code: "invalid",
    say: (name, _access, words) => `${name} is refused, since its history has what could act on those who check it out: ${words}`,
  },
  {
    pattern: /Could not resolve host/i,
    code: "invalid",
    say: (name) => `The host of ${name} was not found: check the URL.`,
  },
  {
    pattern: /redirect|returned error: 30\d/i,
    code: "invalid",
    say: (name) =>
      `${name} answers with a redirect to another address. Redirects are not followed: use the address that the repository has now.`,
  },
  {
    pattern:
      /Authentication failed|could not read (Username|Password)|Access denied|Invalid username or (token|password)|returned error: 40[13]|not authorized|Write access to repository not granted/i,
    code: "forbidden",
    say: (name, access) =>
      access.token
        ? `${name} refused the access token: it is wrong, has expired, or lacks the right. Give a new one with \`farhand env edit --token-stdin\`.`
        : `${name} asks for an access token: give one with \`farhand env edit --token-stdin\`.`,
  },
  {
    pattern: /dubious ownership/i,
    code: "forbidden",
    say: (name) => `${name} has parts that belong to another user than itself: let one user own all of it.`,
  },
  {
    pattern: /Permission denied|insufficient permission|unable to create temporary object directory/i,
    code: "forbidden",
    say: (name) => `No right to use ${name}: its owner must be able to read it, and to write it for publishing.`,
  },
  {
    pattern:
      /does not appear to be a git repository|not a git repository|Repository not found|repository '.*' not found|does not exist|returned error: 404|not valid: is this a git repository/i,
    code: "not-found",
    say: (name, access) =>
      access.repository.kind === "local"
        ? `${name} is no Git repository.`
        : `${name} was not found: check the URL${access.token ? ", and that the access token may see it" : "; if it is private, give an access token"}.`,
  },
  {
    pattern: /SSL|certificate|GnuTLS|TLS/,
    code: "unavailable",
    say: (name, _access, words) => `No secure connection to ${name}: ${words}`,
  },
  {
    pattern:
      /Failed to connect|Couldn't connect|Connection (refused|reset|timed out)|timed out|unreachable|Operation too slow|early EOF|hung up|RPC failed|returned error: 5\d\d|Empty reply/i,
    code: "unavailable",
    say: (name, _access, words) => `${name} cannot be reached: ${words}`,
  },
  {
    pattern: /corrupt|bad object|is empty|missing (blob|tree|commit)|unable to (read|parse)/i,
    code: "invalid",
    say: (name, _access, words) => `${name} is damaged itself: ${words}`,
  },
];

/** What went wrong with a remote repository, in words for its users. What is no fault of the remote's or the user's comes back unchanged. */
export function remoteTrouble(error: unknown, access: Access): unknown {
  if (!(error instanceof GitError)) return error;
  const name = nameOf(access.repository);
  if (error.kind === "timeout") return new UserError("unavailable", `${name} did not answer in time.`, { cause: error });
  const known = CASES.find((one) => one.pattern.test(error.stderr));
  if (!known) return error;
  return new UserError(known.code, known.say(name, access, lastFatal(error.stderr)), { cause: error });
}

function lastFatal(text: string): string {
  const lines = text.split("\n");
  const object = lines.find((line) => /^error: object [0-9a-f]+: /.test(line));
  if (object) return object.replace(/^error: /, "");
  return (lines.findLast((line) => /^(fatal|error): /.test(line)) ?? lines.at(-1) ?? "").replace(/^(fatal|error): /, "");
}
