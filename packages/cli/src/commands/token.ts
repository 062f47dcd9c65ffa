import { TokenScope } from "@farhand/protocol";
import { Failure, USAGE } from "../failure.ts";
import { answer, client, type Invocation } from "../invocation.ts";
import { safeLine } from "../safe-text.ts";
import { ago } from "../words.ts";

/** The token alone goes to standard output: it can be piped into `farhand login`, and is never shown again. */
export async function createToken(invocation: Invocation, name: string, options: { user?: string; scope: string }): Promise<number> {
  const scope = TokenScope.safeParse(options.scope);
  if (!scope.success) throw new Failure(`--scope takes ${TokenScope.options.join(", ")}, not ${JSON.stringify(options.scope)}`, USAGE);
  const minted = await (await client(invocation)).createToken({
    name,
    scope: scope.data,
    ...(options.user === undefined ? {} : { user: options.user }),
  });
  if (invocation.screen.interactive && !invocation.json) invocation.screen.err("Keep this token now: it is not shown again.\n");
  await answer(invocation, minted, () => `${minted.token}\n`);
  return 0;
}

export async function listTokens(invocation: Invocation): Promise<number> {
  const tokens = await (await client(invocation)).tokens();
  const now = Date.now();
  await answer(invocation, { tokens }, () => {
    if (tokens.length === 0) return "No tokens.\n";
    return tokens
      .map(
        (one) => `${one.id}  ${safeLine(one.name)}  ${one.scope}  ${one.lastUsedAt ? `used ${ago(one.lastUsedAt, now)}` : "never used"}\n`,
      )
      .join("");
  });
  return 0;
}

export async function revokeToken(invocation: Invocation, id: string): Promise<number> {
  await (await client(invocation)).revokeToken(id);
  await answer(invocation, { revoked: id }, () => `${safeLine(id)} is revoked\n`);
  return 0;
}
