import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { ModelFacts, ModelTried } from "@farhand/protocol";
import { type Config, type ProviderVariables, StartupError } from "../config.ts";
import { unknownModel } from "../domain/models.ts";
import type { Secret } from "../domain/secret.ts";
import { CATALOGUE, factsOf, withOperators } from "../engine/models/catalogue.ts";
import { listModels } from "../engine/models/listing.ts";
import type { FindModel, Model, UnknownModel } from "../engine/models/model.ts";
import { anthropic } from "../engine/models/providers/anthropic.ts";
import { compatible } from "../engine/models/providers/compatible.ts";
import { openai } from "../engine/models/providers/openai.ts";
import type { Connection, Provider } from "../engine/models/providers/provider.ts";
import { scriptModel } from "../engine/models/script.ts";
import { servedModel } from "../engine/models/served-model.ts";
import { tryModel } from "../engine/models/trial.ts";
import { type Db, isConnectionFault } from "../store/db.ts";
import { type ProviderRow, type ProviderTold, providerRows, tellModels } from "../store/models.ts";
import type { Keyring } from "../store/secrets.ts";

const PROVIDERS: readonly Provider[] = [openai, anthropic, compatible];
/** How long what a server says of its models is believed. */
const LISTED_MS = 60_000;
/** Told again so often, that what has not been told for long can be forgotten. */
const TOLD_MS = 3_600_000;

/** The models that this worker can ask. Only here are their keys open. */
export interface Models {
  find: FindModel;
  /** Tells the database, where anything has changed since it last did. */
  tell(signal: AbortSignal): Promise<void>;
  /** Sends a small request and says what came of it. */
  attempt(name: string, signal: AbortSignal): Promise<ModelTried>;
}

type Parts = { db: Db; keyring: Keyring; config: Pick<Config, "home" | "workerName" | "providers"> };

/** How a provider is reached; `connection` is null where something is missing. */
type Reached = { provider: Provider; told: ProviderTold; connection: Connection | null; named: readonly string[] };

/** Throws StartupError where the operator's catalogue is not as it should be. */
export async function openModels({ db, keyring, config }: Parts): Promise<Models> {
  const catalogue = await readCatalogue(join(config.home, "models.json"));
  let lastTold = { words: "", at: 0 };
  let lastReached: Reached[] | null = null;
  let listed: { of: string; at: number; models: readonly ModelFacts[]; trouble: string | null } | null = null;

  async function reach(): Promise<Reached[]> {
    const rows = await providerRows(db);
    lastReached = PROVIDERS.map((provider) =>
      reached(
        provider,
        config.providers[provider.name],
        rows.find((row) => row.provider === provider.name),
        keyring,
      ),
    );
    return lastReached;
  }

  /** Known ones, named ones, or those that a compatible server lists. */
  async function modelsOf({ provider, connection, named }: Reached, signal: AbortSignal) {
    if (!connection) return { models: [], trouble: null };
    if (provider.name !== "compatible") {
      const known = catalogue.filter((facts) => facts.provider === provider.name);
      return { models: named.length > 0 ? named.map((id) => factsOf(provider.name, id, catalogue)) : known, trouble: null };
    }
    const list = await listedBy(connection, signal);
    if (named.length === 0) return list;
    const models = named.map((id) => list.models.find(({ name }) => name === `compatible/${id}`) ?? factsOf("compatible", id, catalogue));
    return { models, trouble: null };
  }

  async function listedBy(connection: Connection, signal: AbortSignal) {
    const of = `${connection.baseUrl} ${connection.key?.reveal()}`;
    if (listed?.of === of && Date.now() - listed.at < LISTED_MS) return listed;
    const found = await listModels(connection, catalogue, signal).then(
      (models) => ({ models, trouble: models.length > 0 ? null : "the server has no models: name them here, or load one there" }),
      (error: Error) => {
        signal.throwIfAborted();
        return { models: [], trouble: error.message };
      },
    );
    listed = { of, at: Date.now(), ...found };
    return found;
  }

  async function find(name: string): Promise<Model | UnknownModel> {
    if (name === "script") return scriptModel;
    const slash = name.indexOf("/");
    const all = await reach().catch((error) => {
      if (lastReached && isConnectionFault(error)) return lastReached; // a run does not fail because the database is away for a moment
      throw error;
    });
    const of = all.find(({ provider }) => provider.name === name.slice(0, slash));
    if (!of) return { unknown: unknownModel(name, ["script"]) };
    const { provider, connection } = of;
    if (!connection) return { unknown: `The model ${name} cannot be asked: ${provider.title} is not set up (settings, Models).` };
    const id = name.slice(slash + 1);
    const facts = (listed?.models ?? []).find((one) => one.name === name) ?? factsOf(provider.name, id, catalogue);
    return servedModel(provider, connection, id, facts);
  }

  return {
    find,
    async tell(signal) {
      const models: ModelFacts[] = [];
      const providers: ProviderTold[] = [];
      for (const one of await reach()) {
        const found = await modelsOf(one, signal);
        models.push(...found.models);
        providers.push({ ...one.told, available: found.models.length, trouble: found.trouble ?? one.told.trouble });
      }
      const words = JSON.stringify([models, providers]);
      if (words === lastTold.words && Date.now() - lastTold.at < TOLD_MS) return;
      await tellModels(db, config.workerName, models, providers);
      lastTold = { words, at: Date.now() };
    },
    async attempt(name, signal) {
      const model = await find(name);
      if ("unknown" in model) return { ok: false, said: model.unknown, durationMs: 0, costUsd: null };
      return tryModel(model, signal);
    },
  };
}

/** What is set on the settings page counts; but no key of the operator's goes to an address that was set there. */
function reached(provider: Provider, set: ProviderVariables | undefined, row: ProviderRow | undefined, keyring: Keyring): Reached {
  const own = row?.sealed_key ? opened(row.sealed_key, keyring) : null;
  const baseUrl = row?.base_url ?? set?.baseUrl ?? provider.defaultBaseUrl;
  const key = row?.sealed_key || row?.base_url ? own : (set?.key ?? null);
  const told: ProviderTold = {
    provider: provider.name,
    baseUrl,
    key: own ? "settings" : key ? "environment" : null,
    available: 0,
    trouble: row?.sealed_key && !own ? "the key that is stored cannot be opened by this worker: set it again" : null,
  };
  const named = row && row.models.length > 0 ? row.models : (set?.models ?? []);
  const usable = baseUrl !== null && (key !== null || !provider.needsKey);
  return { provider, told, connection: usable ? { baseUrl, key } : null, named };
}

function opened(sealed: Uint8Array, keyring: Keyring): Secret | null {
  try {
    return keyring.open(sealed);
  } catch {
    return null; // it was sealed for another key, or is damaged
  }
}

async function readCatalogue(file: string): Promise<readonly ModelFacts[]> {
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw new StartupError(`${file} cannot be read: ${error.message}`);
  });
  if (text === null) return CATALOGUE;
  try {
    return withOperators(text);
  } catch (error) {
    throw new StartupError(`${file} is not as it should be: ${error instanceof Error ? error.message : error}`);
  }
}
