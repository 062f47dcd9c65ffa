import { type EnvironmentVersion, Recipe } from "@farhand/protocol";
import { Document, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from "yaml";

/** What is wrong with a text, and in which line. */
export type Fault = { line: number; text: string };
/** `recipe` is null where there are faults. */
export type Reading = { recipe: Recipe | null; faults: Fault[] };

/** A recipe as YAML; `read` makes the same recipe of it. */
export function textOf(recipe: Recipe): string {
  return new Document(recipe).toString({ lineWidth: 0, blockQuote: "literal" });
}

/** The recipe of a version, and what of its secrets may be shown. */
export function textOfVersion(version: EnvironmentVersion): string {
  const secrets = version.secrets.length > 0 ? `# setup secrets: ${version.secrets.join(", ")}\n` : "";
  return `${textOf(version.recipe)}${secrets}${version.hasToken ? "# with an access token\n" : ""}`;
}

export function read(text: string): Reading {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const lineAt = (offset: number) => Math.max(1, lines.linePos(offset).line);
  if (document.errors.length > 0)
    return { recipe: null, faults: document.errors.map(({ pos, message }) => ({ line: lineAt(pos[0]), text: message })) };
  let value: unknown;
  try {
    value = document.toJS();
  } catch (error) {
    return { recipe: null, faults: [{ line: 1, text: error instanceof Error ? error.message : String(error) }] };
  }
  const parsed = Recipe.safeParse(value);
  if (parsed.success) return { recipe: parsed.data, faults: [] };
  const faults = parsed.error.issues.flatMap((issue) => {
    const path = issue.path.map(String);
    if (issue.code === "unrecognized_keys")
      return issue.keys.map((key) => ({
        line: lineAt(offsetOf(document.contents, [...path, key])),
        text: `${[...path, key].join(".")} is not known here`,
      }));
    const hint = issue.code === "invalid_type" && issue.expected === "string" && path.length > 1 ? ": put it in quotes" : "";
    return [{ line: lineAt(offsetOf(document.contents, path)), text: `${path.join(".") || "the text"}: ${issue.message}${hint}` }];
  });
  return { recipe: null, faults };
}

/** Where what the path names begins, or the nearest thing above it that is there. */
function offsetOf(top: Node | null, path: readonly string[]): number {
  let node: unknown = top;
  let offset = top?.range?.[0] ?? 0;
  for (const key of path) {
    if (isMap(node)) {
      const pair = node.items.find((one) => isScalar(one.key) && String(one.key.value) === key);
      if (!pair) break;
      offset = (pair.key as Node).range?.[0] ?? offset;
      node = pair.value;
    } else if (isSeq(node)) {
      node = node.items[Number(key)];
      offset = (node as Node | undefined)?.range?.[0] ?? offset;
    } else break;
  }
  return offset;
}
