import { Script, VariableName } from "@farhand/protocol";
import { type ParseError, parse, printParseErrorCode } from "jsonc-parser";

export type Devcontainer = { setup: string; variables: Record<string, string>; notices: string[] };

const MOST_NAMES = 200;
/** What only an editor goes by. */
const NO_MATTER = ["$schema", "name", "customizations", "portsAttributes", "otherPortsAttributes"];
const HONOURED = ["postCreateCommand", "containerEnv", "remoteEnv"];

/**
 * What of a devcontainer.json counts here: its post-create command and its variables; `notices` say what does not. `folder` is the working tree.
 * The text is hostile data; one that cannot be read counts for nothing, and says so.
 */
export function readDevcontainer(text: string, folder: string): Devcontainer {
  const errors: ParseError[] = [];
  let json: unknown;
  try {
    json = parse(text, errors, { allowTrailingComma: true, disallowComments: false });
  } catch {
    return { setup: "", variables: {}, notices: ["is not honoured: it is nested too deeply"] };
  }
  const [error] = errors;
  if (error) {
    const line = text.slice(0, error.offset).split("\n").length;
    return { setup: "", variables: {}, notices: [`is not honoured: line ${line}: ${printParseErrorCode(error.error)}`] };
  }
  if (typeof json !== "object" || json === null || Array.isArray(json))
    return { setup: "", variables: {}, notices: ["is not honoured: it is no object"] };
  const fields = json as Record<string, unknown>;
  const notices: string[] = [];
  const passedOver = Object.keys(fields).filter((name) => !HONOURED.includes(name) && !NO_MATTER.includes(name));
  if (passedOver.length > 0) notices.push(`these fields are not honoured: ${passedOver.slice(0, 30).join(", ")}`);
  const setup = Script.safeParse(scriptOf(fields.postCreateCommand));
  if (!setup.success) notices.push("postCreateCommand is not honoured: it is no command");
  const variables = { ...variablesOf("containerEnv", fields, folder, notices), ...variablesOf("remoteEnv", fields, folder, notices) };
  return { setup: setup.success ? setup.data : "", variables, notices };
}

/** A line for the shell, the words of a command, or several of these by name. */
function scriptOf(command: unknown): unknown {
  if (command === undefined) return "";
  if (typeof command === "string") return `${command}\n`;
  if (Array.isArray(command)) return command.every((word) => typeof word === "string") ? `${command.map(quoted).join(" ")}\n` : null;
  if (typeof command !== "object" || command === null) return null;
  const scripts = Object.values(command).map((one) => (typeof one === "object" && !Array.isArray(one) ? null : scriptOf(one)));
  return scripts.every((one) => typeof one === "string") ? scripts.join("") : null;
}

const quoted = (word: string) => `'${word.replaceAll("'", "'\\''")}'`;

function variablesOf(field: string, fields: Record<string, unknown>, folder: string, notices: string[]): Record<string, string> {
  const given = fields[field];
  if (typeof given !== "object" || given === null) return {};
  const variables: Record<string, string> = {};
  for (const [name, value] of Object.entries(given).slice(0, MOST_NAMES)) {
    const text = typeof value === "string" ? value.replaceAll(/\$\{containerWorkspaceFolder\}/g, () => folder) : null;
    if (text !== null && VariableName.safeParse(name).success && !hasPlace(text) && !text.includes("\0")) variables[name] = text;
    else notices.push(`${field}.${name.slice(0, 100)} is not honoured`);
  }
  return variables;
}

/** Something like ${localEnv:HOME}, which nobody here fills in. */
function hasPlace(text: string): boolean {
  const at = text.indexOf("${");
  return at >= 0 && text.includes("}", at);
}
