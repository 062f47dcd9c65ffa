import { type EnvironmentSpec, RECIPE_FILE, type RecipeFile, type RecipeSource, type RunRecipe } from "@farhand/protocol";
import type { AutomaticSetup } from "./automatic.ts";
import type { Devcontainer } from "./devcontainer.ts";
import { narrowerNetwork } from "./narrower-network.ts";

/** What the repository says of its environment; null = nothing. */
export type Said = {
  recipe: RecipeFile | null;
  devcontainer: (Devcontainer & { path: string }) | null;
  automatic: AutomaticSetup | null;
};

export const NOTHING_SAID: Said = { recipe: null, devcontainer: null, automatic: null };

/**
 * What a run works by. What the environment itself says wins; then the repository's recipe, or where it has none its devcontainer.json; then
 * automatic setup. Setup and maintenance are of one source; variables and toolchains are joined name by name. The network can only become narrower.
 */
export function resolveRecipe(spec: EnvironmentSpec, said: Said): RunRecipe {
  const own = said.recipe;
  const devcontainer = own === null ? said.devcontainer : null;
  const file = own ? RECIPE_FILE : (devcontainer?.path ?? null);
  const notices = (devcontainer?.notices ?? []).map((notice) => `${devcontainer?.path}: ${notice}`);
  const narrowed = (name: "network" | "setupNetwork") => {
    const wish = own?.[name];
    if (wish === undefined) return spec[name];
    const { network, refused } = narrowerNetwork(spec[name], wish);
    if (refused.length > 0)
      notices.push(`${RECIPE_FILE}: ${name} is narrower than it asks for; the environment does not allow ${refused.join(", ")}`);
    return network;
  };
  return {
    ...scriptsOf(spec, own, devcontainer, said.automatic),
    variables: { ...devcontainer?.variables, ...own?.variables, ...spec.variables },
    toolchains: { ...own?.toolchains, ...spec.toolchains },
    checks: spec.checks.length > 0 ? spec.checks : (own?.checks ?? []),
    setupNetwork: narrowed("setupNetwork"),
    network: narrowed("network"),
    file,
    notices,
  };
}

function scriptsOf(
  spec: EnvironmentSpec,
  own: RecipeFile | null,
  devcontainer: Devcontainer | null,
  automatic: AutomaticSetup | null,
): Pick<RunRecipe, "scripts" | "setup" | "maintenance" | "foundBy"> {
  const from = (scripts: RecipeSource | null, setup: string, maintenance = "") => ({ scripts, setup, maintenance, foundBy: [] });
  const isThere = (text: string | undefined) => (text ?? "").trim() !== "";
  if (isThere(spec.setup) || isThere(spec.maintenance)) return from("environment", spec.setup, spec.maintenance);
  if (own && (own.setup !== undefined || isThere(own.maintenance))) return from("repository", own.setup ?? "", own.maintenance);
  if (devcontainer && isThere(devcontainer.setup)) return from("devcontainer", devcontainer.setup);
  if (automatic) return { ...from("automatic", automatic.script), foundBy: Object.keys(automatic.foundBy) };
  return from(null, "");
}
