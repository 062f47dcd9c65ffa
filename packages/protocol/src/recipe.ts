import { z } from "zod";
import { NetworkPolicy, NewNetworkPolicy } from "./network.ts";
import { Checks, Script, Variables } from "./setup.ts";

export const ToolchainName = z.enum(["node", "python", "go", "rust", "java", "ruby", "php"]);
export type ToolchainName = z.infer<typeof ToolchainName>;

/** 22 stands for any 22.x.y. */
export const ToolchainVersion = z
  .string()
  .regex(/^\d{1,4}(\.\d{1,4}){0,2}$/, "is no version: give up to three numbers with dots, such as 22, 3.12 or 1.85.0");

/** The versions that setup must find or get, by name. */
export const Toolchains = z.partialRecord(ToolchainName, ToolchainVersion);
export type Toolchains = z.infer<typeof Toolchains>;
/** What is named changes; null takes it away. */
export const ToolchainChanges = z.partialRecord(ToolchainName, ToolchainVersion.nullable());

/** Where a repository keeps its recipe. */
export const RECIPE_FILE = ".farhand/environment.yaml";

/** What a repository may say of its own environment. Never secrets, tokens, limits, or what is published. */
export const RecipeFile = z.strictObject({
  setup: Script.optional(),
  maintenance: Script.optional(),
  variables: Variables.optional(),
  toolchains: Toolchains.optional(),
  checks: Checks.optional(),
  setupNetwork: NewNetworkPolicy.optional(),
  network: NewNetworkPolicy.optional(),
});
export type RecipeFile = z.infer<typeof RecipeFile>;

/** Who had the say: the environment itself, the repository's recipe, its devcontainer.json, or what its files were found to need. */
export const RecipeSource = z.enum(["environment", "repository", "devcontainer", "automatic"]);
export type RecipeSource = z.infer<typeof RecipeSource>;

/** By what a run works, once the repository had its say. Text in it may be the repository's: hostile data. */
export const RunRecipe = z.object({
  /** Whose scripts these are; null = there are none. */
  scripts: RecipeSource.nullable(),
  setup: z.string(),
  maintenance: z.string(),
  variables: z.record(z.string(), z.string()),
  toolchains: Toolchains,
  checks: z.array(z.string()),
  setupNetwork: NetworkPolicy,
  network: NetworkPolicy,
  /** The repository's recipe or devcontainer.json, where it had a say. */
  file: z.string().nullable(),
  /** The files that automatic setup was found by. */
  foundBy: z.array(z.string()),
  /** What the repository asks for and does not get, and why. */
  notices: z.array(z.string()),
});
export type RunRecipe = z.infer<typeof RunRecipe>;

/** Whether the repository had a say in it. */
export function hasSay({ scripts, file }: Pick<RunRecipe, "scripts" | "file">): boolean {
  return file !== null || (scripts !== null && scripts !== "environment");
}

/** Where the scripts are from, and what else was gone by, in one line. */
export function recipeInWords({ scripts, file, foundBy }: Pick<RunRecipe, "scripts" | "file" | "foundBy">): string {
  const also = file === null ? "" : `; also by ${file}`;
  switch (scripts) {
    case "environment":
      return `setup of the environment${also}`;
    case "repository":
    case "devcontainer":
      return `setup of ${file}`;
    case "automatic":
      return `setup found by ${foundBy.join(", ")}${also}`;
    case null:
      return `no setup${also}`;
    default:
      return scripts satisfies never;
  }
}
