import type { Recipe } from "@farhand/protocol";

/** What each group of fields gets: the recipe as it is, and the way to change a part of it. */
export type FieldsProps = { recipe: Recipe; change: (part: Partial<Recipe>) => void };
