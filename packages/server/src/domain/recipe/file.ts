import { RecipeFile } from "@farhand/protocol";
import { type Document, isMap, isScalar, LineCounter, parseDocument, visit } from "yaml";
import type { z } from "zod";

export type ReadRecipe = { ok: true; recipe: RecipeFile } | { ok: false; faults: string[] };

const MOST_FAULTS = 10;

/**
 * Reads a repository's environment.yaml, which is hostile data. Every value is taken as it is written, so that 3.10 stays a version and `no` a
 * word; aliases are refused, since they can grow without bound. Each fault names its line.
 */
export function readRecipeFile(text: string): ReadRecipe {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    schema: "failsafe",
    uniqueKeys: false,
    lineCounter: lines,
    prettyErrors: false,
    logLevel: "silent",
  });
  const fault = (offset: number, message: string) => `line ${lines.linePos(offset).line}: ${message}`;
  const errors = document.errors.slice(0, MOST_FAULTS);
  if (errors.length > 0) return failed(errors.map((error) => fault(error.pos[0], error.message)));
  if (document.contents === null) return { ok: true, recipe: {} };
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 0 });
  } catch {
    return failed(["aliases (*name) are not taken: write the value out"]);
  }
  const repeated = repeatedKeys(document).slice(0, MOST_FAULTS);
  if (repeated.length > 0) return failed(repeated.map(({ name, offset }) => fault(offset, `${name} is there twice`)));
  if (!isMap(document.contents)) return failed([fault(0, "a list of fields is expected, such as setup: npm ci")]);
  const parsed = RecipeFile.safeParse(withNetworks(value as Record<string, unknown>));
  if (parsed.success) return { ok: true, recipe: parsed.data };
  const faults = parsed.error.issues.slice(0, MOST_FAULTS).flatMap((issue) => {
    const path = issue.path.map(String);
    if (issue.code !== "unrecognized_keys") return [fault(offsetOf(document, path), `${path.join(".")}: ${messageOf(issue)}`)];
    const known = path.length > 0 ? " here" : `: there are ${Object.keys(RecipeFile.shape).join(", ")}`;
    return issue.keys
      .slice(0, MOST_FAULTS)
      .map((key) => fault(offsetOf(document, [...path, key]), `${[...path, key].join(".")} is no field${known}`));
  });
  return failed(faults);
}

/** Of a name that is not taken, why. */
function messageOf(issue: z.core.$ZodIssue): string {
  return (issue.code === "invalid_key" && issue.issues[0]?.message) || issue.message;
}

const failed = (faults: string[]): ReadRecipe => ({ ok: false, faults: faults.slice(0, MOST_FAULTS) });

/** Where names of a map stand that it has already. The parser would compare each with each. */
function repeatedKeys(document: Document.Parsed): { name: string; offset: number }[] {
  const found: { name: string; offset: number }[] = [];
  visit(document, {
    Map(_, map) {
      const known = new Set<string>();
      for (const { key } of map.items) {
        if (!isScalar(key)) continue;
        const name = String(key.value);
        if (known.has(name)) found.push({ name, offset: key.range?.[0] ?? 0 });
        known.add(name);
      }
    },
  });
  return found;
}

/** `network: none` for `network: {kind: none}`; ports are the one thing that is a number. */
function withNetworks(value: Record<string, unknown>): Record<string, unknown> {
  const network = (wish: unknown): unknown => {
    if (typeof wish === "string") return { kind: wish };
    if (typeof wish !== "object" || wish === null || !("ports" in wish) || !Array.isArray(wish.ports)) return wish;
    return { ...wish, ports: wish.ports.map((port: unknown) => (/^\d{1,5}$/.test(String(port)) ? Number(port) : port)) };
  };
  const changed = { ...value };
  for (const name of ["network", "setupNetwork"]) if (name in value) changed[name] = network(value[name]);
  return changed;
}

/** Where in the text the thing with this path begins, or the nearest around it. */
function offsetOf(document: Document.Parsed, path: readonly string[]): number {
  for (let length = path.length; length > 0; length--) {
    const around = length === 1 ? document.contents : document.getIn(path.slice(0, length - 1), true);
    const name = path[length - 1];
    const pair = isMap(around) ? around.items.find(({ key }) => isScalar(key) && String(key.value) === name) : undefined;
    const node = pair ? pair.key : document.getIn(path.slice(0, length), true);
    if (typeof node === "object" && node !== null && "range" in node && Array.isArray(node.range)) return Number(node.range[0]);
  }
  return 0;
}
