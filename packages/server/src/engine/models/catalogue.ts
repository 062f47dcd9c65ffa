import { isKnownModel, type ModelName, unknownModel } from "../../domain/models.ts";
import type { Model } from "./model.ts";
import { scriptModel } from "./script.ts";

/** A sentence for the user who named a wrong model. */
export type UnknownModel = { unknown: string };

const MODELS: Readonly<Record<ModelName, Model>> = { script: scriptModel };

/** The model of that name, or a sentence that names the ones there are. */
export function findModel(name: string): Model | UnknownModel {
  return isKnownModel(name) ? MODELS[name] : { unknown: unknownModel(name) };
}
