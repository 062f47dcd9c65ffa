const NAME = /^(script|(openai|anthropic|compatible)\/[\x21-\x7e]{1,180})$/;

/** Whether a model could have this name; whether there is such a model only a worker knows. */
export function isModelName(name: string): boolean {
  return NAME.test(name);
}

/** What a user who named a wrong model is told. */
export function unknownModel(name: string, known: readonly string[]): string {
  return `There is no model "${name}". ${known.length > 1 ? "Models" : "The only model"} here: ${known.join(", ")}.`;
}
