import type { Effort, ModelFacts, ModelList } from "@farhand/protocol";
import { UserError } from "./user-error.ts";

const NAME = /^(script|(openai|anthropic|compatible)\/[\x21-\x7e]{1,180})$/;
const MOST_NAMED = 20;

/** Whether a model could have this name; whether there is such a model only a worker knows. */
export function isModelName(name: string): boolean {
  return NAME.test(name);
}

/** What a user who named a wrong model is told. */
export function unknownModel(name: string, known: readonly string[]): string {
  const more = known.length > MOST_NAMED ? ` and ${known.length - MOST_NAMED} more (farhand models)` : "";
  return `There is no model "${name}". ${known.length > 1 ? "Models" : "The only model"} here: ${known.slice(0, MOST_NAMED).join(", ")}${more}.`;
}

/** The model for a task: the one of this name, or where there is no name, the usual one. Throws UserError that names those there are. */
export function chooseModel({ models, default: usual }: ModelList, name: string | undefined, effort: Effort | undefined): ModelFacts {
  const wanted = name ?? usual;
  const facts = models.find((model) => model.name === wanted);
  if (!facts)
    throw new UserError(
      "invalid",
      unknownModel(
        wanted,
        models.map((model) => model.name),
      ),
    );
  if (effort !== undefined && !facts.efforts.includes(effort) && !(facts.provider === "compatible" && facts.efforts.length === 0)) {
    const choice = facts.efforts.length > 0 ? `its efforts are ${facts.efforts.join(", ")}` : "it has no such choice";
    throw new UserError("invalid", `the model ${wanted} has no effort "${effort}": ${choice}`);
  }
  return facts;
}
