import type { Config } from "../config.ts";
import { unknownModel } from "../domain/models.ts";
import { factsOf } from "../engine/models/catalogue.ts";
import type { FindModel } from "../engine/models/model.ts";
import { anthropic } from "../engine/models/providers/anthropic.ts";
import { compatible } from "../engine/models/providers/compatible.ts";
import { openai } from "../engine/models/providers/openai.ts";
import type { Connection, Provider } from "../engine/models/providers/provider.ts";
import { scriptModel } from "../engine/models/script.ts";
import { servedModel } from "../engine/models/served-model.ts";

const PROVIDERS: readonly Provider[] = [openai, anthropic, compatible];

/** The models that this worker can ask. */
export function openModels(config: Pick<Config, "providers">): FindModel {
  return (name) => {
    if (name === "script") return scriptModel;
    const slash = name.indexOf("/");
    const provider = PROVIDERS.find((one) => one.name === name.slice(0, slash));
    if (!provider) return { unknown: unknownModel(name, ["script"]) };
    const connection = connectionOf(provider, config);
    if (!connection) return { unknown: `The model ${name} cannot be asked: ${provider.title} is not set up on this worker.` };
    const id = name.slice(slash + 1);
    return servedModel(provider, connection, id, factsOf(provider.name, id));
  };
}

function connectionOf(provider: Provider, { providers }: Pick<Config, "providers">): Connection | null {
  const set = providers[provider.name];
  const baseUrl = set?.baseUrl ?? provider.defaultBaseUrl;
  if (!baseUrl || (provider.needsKey && !set?.key)) return null;
  return { baseUrl, key: set?.key ?? null };
}
