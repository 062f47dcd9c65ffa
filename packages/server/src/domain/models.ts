/** The models that a task may choose from. */
export const MODEL_NAMES = ["script"] as const;
export type ModelName = (typeof MODEL_NAMES)[number];

export function isKnownModel(name: string): name is ModelName {
  return (MODEL_NAMES as readonly string[]).includes(name);
}

/** What a user who named a wrong model is told. */
export function unknownModel(name: string): string {
  return `There is no model "${name}". Known models: ${MODEL_NAMES.join(", ")}.`;
}
