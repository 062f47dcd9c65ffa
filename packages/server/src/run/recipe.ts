import { type EnvironmentSpec, RECIPE_FILE, type RecipeFile, type RunRecipe } from "@farhand/protocol";
import { type AutomaticSetup, automaticSetup, MANIFESTS } from "../domain/recipe/automatic.ts";
import { readDevcontainer } from "../domain/recipe/devcontainer.ts";
import { readRecipeFile } from "../domain/recipe/file.ts";
import { NOTHING_SAID, resolveRecipe, type Said } from "../domain/recipe/resolve.ts";
import type { Mirror } from "../forge/git/mirror.ts";
import { contentOf, filesAt } from "../forge/git/tree-files.ts";
import type { RunEnvironment } from "../store/environments.ts";
import { RunFailed } from "./run-log.ts";

const DEVCONTAINERS = [".devcontainer/devcontainer.json", ".devcontainer.json"];
const RECIPE_BYTES = 256 * 1024;
const MANIFEST_BYTES = 1024 * 1024;
const MOST_FOLDERS = 100;

/** By what a run works, and what of the repository's content it was found by. */
export type FoundRecipe = { recipe: RunRecipe; foundBy: AutomaticSetup["foundBy"] };

/**
 * Asks the repository what it says of its environment, where the environment lets it: its recipe at the newest commit of the environment's own
 * branch, whichever commit the run is at, so that a stranger's branch changes neither scripts nor network; and the files that automatic setup goes
 * by at the run's commit. Reads the mirror only. Throws RunFailed `recipe-invalid`.
 */
export async function recipeFor(
  environment: RunEnvironment,
  place: { mirror: Mirror; folder: string; commit: string; trusted: string },
  signal: AbortSignal,
): Promise<FoundRecipe> {
  const { spec } = environment;
  if (!spec.automaticSetup) return { recipe: resolveRecipe(spec, NOTHING_SAID), foundBy: {} };
  const { mirror, folder, commit, trusted } = place;
  const { files } = await filesAt(mirror, trusted, [RECIPE_FILE, ...DEVCONTAINERS], signal);
  const said: Said = { recipe: null, devcontainer: null, automatic: null };
  const own = files.find(({ path }) => path === RECIPE_FILE);
  if (own) said.recipe = recipeIn(await contentOf(mirror, own, RECIPE_BYTES, signal));
  const devcontainer = DEVCONTAINERS.map((path) => files.find((file) => file.path === path)).find((file) => file !== undefined);
  if (!own && devcontainer) {
    const text = (await contentOf(mirror, devcontainer, RECIPE_BYTES, signal)) ?? "";
    said.devcontainer = { ...readDevcontainer(text, folder), path: devcontainer.path };
  }
  said.automatic = await automaticAt(mirror, commit, signal);
  const recipe = resolveRecipe(spec, said);
  return { recipe, foundBy: recipe.scripts === "automatic" ? (said.automatic?.foundBy ?? {}) : {} };
}

/** The environment as the recipe has it. */
export function withRecipe(spec: EnvironmentSpec, recipe: RunRecipe): EnvironmentSpec {
  const { setup, maintenance, variables, toolchains, checks, setupNetwork, network } = recipe;
  return { ...spec, setup, maintenance, variables, toolchains, checks, setupNetwork, network };
}

function recipeIn(text: string | null): RecipeFile {
  const read = text === null ? { ok: false as const, faults: [`it is larger than ${RECIPE_BYTES} bytes`] } : readRecipeFile(text);
  if (read.ok) return read.recipe;
  throw new RunFailed({ kind: "recipe-invalid", file: RECIPE_FILE, faults: read.faults });
}

async function automaticAt(mirror: Mirror, commit: string, signal: AbortSignal): Promise<AutomaticSetup | null> {
  const root = await filesAt(mirror, commit, [], signal);
  const folders = root.folders.slice(0, MOST_FOLDERS).map((path) => `${path}/`);
  const beneath = folders.length > 0 ? (await filesAt(mirror, commit, folders, signal)).files : [];
  const files = [...root.files, ...beneath];
  const texts = new Map<string, string>();
  for (const file of files) {
    if (!MANIFESTS.includes(file.path.split("/").at(-1) ?? "")) continue;
    texts.set(file.path, (await contentOf(mirror, file, MANIFEST_BYTES, signal)) ?? "");
  }
  return automaticSetup(files, texts);
}
