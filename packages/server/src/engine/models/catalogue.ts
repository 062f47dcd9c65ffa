import type { Model } from "./model.ts";
import { scriptModel } from "./script.ts";

/** What a user who named a wrong model is told. */
export type UnknownModel = { unknown: string };

const MODELS: ReadonlyMap<string, Model> = new Map([["script", scriptModel]]);

/** The names that a task may choose from. */
export function knownModels(): readonly string[] {
  return [...MODELS.keys()];
}

export function isKnownModel(name: string): boolean {
  return MODELS.has(name);
}

/** The model of that name, or a sentence that names the ones there are. */
export function findModel(name: string): Model | UnknownModel {
  return MODELS.get(name) ?? { unknown: `There is no model "${name}". Known models: ${knownModels().join(", ")}.` };
}
