import { VariableName } from "@farhand/protocol";

export const MOST_SETUP_VARIABLE_BYTES = 64 * 1024;
const MOST_NAMES = 200;
/** Shorter values stand in ordinary text by chance. */
const SHORTEST_SECRET = 4;

export type SetupVariables = { ok: true; variables: Record<string, string> } | { ok: false; fault: string };

/**
 * What a script wrote to FARHAND_ENV: a line NAME=VALUE for each variable; empty lines and those that begin with # do not count. Hostile data. A
 * value that holds a setup secret is refused: it would be there for the agent to read.
 */
export function readSetupVariables(text: string, secrets: readonly { name: string; value: string }[]): SetupVariables {
  if (text.length > MOST_SETUP_VARIABLE_BYTES) return { ok: false, fault: `has more than ${MOST_SETUP_VARIABLE_BYTES} bytes` };
  const variables: Record<string, string> = {};
  for (const [index, line] of text.split("\n").entries()) {
    if (line.trim() === "" || line.startsWith("#")) continue;
    const fault = (words: string): SetupVariables => ({ ok: false, fault: `line ${index + 1} ${words}` });
    const at = line.indexOf("=");
    const name = line.slice(0, Math.max(at, 0));
    const value = line.slice(at + 1);
    const judged = VariableName.safeParse(name);
    if (!judged.success) return fault(`is not NAME=VALUE (${judged.error.issues[0]?.message})`);
    if (value.includes("\0")) return fault("has a NUL character in it");
    const secret = secrets.find((one) => one.value.trim().length >= SHORTEST_SECRET && value.includes(one.value.trim()));
    if (secret) return fault(`would give the setup secret ${secret.name} to the agent`);
    variables[name] = value;
  }
  if (Object.keys(variables).length > MOST_NAMES) return { ok: false, fault: `has more than ${MOST_NAMES} names` };
  return { ok: true, variables };
}
