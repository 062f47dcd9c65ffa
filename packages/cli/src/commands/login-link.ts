import { answer, client, type Invocation } from "../invocation.ts";
import { safeLine } from "../safe-text.ts";

/** The link alone goes to standard output. Whoever opens it first is logged in as the caller. */
export async function loginLink(invocation: Invocation): Promise<number> {
  const made = await (await client(invocation)).createLoginLink();
  if (invocation.screen.interactive && !invocation.json)
    invocation.screen.err("This link logs you in on the page, once, within 15 minutes:\n");
  await answer(invocation, made, () => `${safeLine(made.link)}\n`);
  return 0;
}
