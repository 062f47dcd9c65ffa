import { DEFAULT_LIMITS, type Environment, type EnvironmentChange, Recipe } from "@farhand/protocol";

const KEYS = Object.keys(Recipe.shape) as (keyof Recipe)[];

/** What a new environment begins with. */
export function newRecipe(): Recipe {
  return { ...Recipe.parse({ repository: "-" }), repository: "", limits: DEFAULT_LIMITS };
}

/** Without everything that is no part of the recipe. */
export function recipeOf(source: Omit<Environment, "id">): Recipe;
export function recipeOf(source: Recipe): Recipe;
export function recipeOf(source: Partial<Recipe>): Recipe {
  return Object.fromEntries(KEYS.map((key) => [key, source[key]])) as Recipe;
}

/** What makes `after` of `before`: only what differs. A variable or toolchain that is gone becomes null, a limit its default. */
export function changesOf(before: Recipe, after: Recipe): EnvironmentChange {
  const wanted = { ...after, limits: { ...DEFAULT_LIMITS, ...after.limits } };
  const changed = KEYS.filter((key) => JSON.stringify(sorted(before[key])) !== JSON.stringify(sorted(wanted[key])));
  const change: Record<string, unknown> = Object.fromEntries(changed.map((key) => [key, wanted[key]]));
  for (const key of ["variables", "toolchains"] as const) {
    if (!changed.includes(key)) continue;
    const gone = Object.keys(before[key]).filter((name) => !(name in after[key]));
    change[key] = { ...after[key], ...Object.fromEntries(gone.map((name) => [name, null])) };
  }
  return change as EnvironmentChange;
}

/** `now`, with what `mine` changed of `before`. */
export function rebased(before: Recipe, mine: Recipe, now: Recipe): Recipe {
  const changed = Object.keys(changesOf(before, mine)) as (keyof Recipe)[];
  return { ...now, ...Object.fromEntries(changed.map((key) => [key, mine[key]])) };
}

/** The database keeps no order of keys, so it says nothing. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, sorted(inner)]),
  );
}
