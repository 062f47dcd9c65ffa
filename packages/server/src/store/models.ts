import { type ModelFacts, ModelFacts as ModelFactsSchema, type ModelList, type ModelProvider } from "@farhand/protocol";
import { z } from "zod";
import { type Queries, sql } from "./db.ts";
import { addSecret } from "./secrets.ts";

const DEFAULT = "default-model";

export type ProviderName = ModelProvider["provider"];

/** How a provider is reached, where the settings page has set it. */
export type ProviderRow = { provider: ProviderName; base_url: string | null; models: string[]; sealed_key: Buffer | null };

/** What a worker tells of a provider: what it can ask, and where it got that from. */
export type ProviderTold = Omit<ModelProvider, "models">;

/** `script`, which needs no provider, has these facts wherever it runs. */
const SCRIPT: ModelFacts = {
  name: "script",
  provider: "script",
  contextTokens: null,
  maxOutputTokens: null,
  prices: { input: 0, cachedInput: 0, cacheWrite: 0, output: 0 },
  efforts: [],
};

export function providerRows(db: Queries): Promise<ProviderRow[]> {
  return db.query(sql`
    select p.provider, p.base_url, p.models, s.sealed as sealed_key from model_provider p left join secret s on s.id = p.key_secret`);
}

/** `undefined` = as it is. Another address forgets the key, unless a new one comes with it: a key is for who was told it, and for nobody else. */
export async function changeProvider(
  tx: Queries,
  provider: ProviderName,
  change: { baseUrl: string | null | undefined; sealedKey: Buffer | null | undefined; models: readonly string[] | undefined },
  by: string,
): Promise<void> {
  await tx.query(sql`insert into model_provider (provider, changed_by) values (${provider}, ${by}) on conflict do nothing`);
  const [old] = await tx.query<{ base_url: string | null; key_secret: string | null; models: string[] }>(
    sql`select base_url, key_secret, models from model_provider where provider = ${provider} for update`,
  );
  if (!old) throw new Error(`the provider ${provider} is missing`);
  const baseUrl = change.baseUrl === undefined ? old.base_url : change.baseUrl;
  const sealedKey = change.sealedKey === undefined && baseUrl !== old.base_url ? null : change.sealedKey;
  const key = sealedKey === undefined ? old.key_secret : sealedKey && (await addSecret(tx, sealedKey, by));
  await tx.query(sql`
    update model_provider set base_url = ${baseUrl}, key_secret = ${key}, models = ${JSON.stringify(change.models ?? old.models)}::jsonb,
      changed_at = now(), changed_by = ${by} where provider = ${provider}`);
  if (old.key_secret !== null && old.key_secret !== key) await tx.query(sql`delete from secret where id = ${old.key_secret}`);
  await tx.query(sql`select pg_notify('farhand_queue', '')`);
}

export async function tellModels(
  db: Queries,
  worker: string,
  models: readonly ModelFacts[],
  providers: readonly ProviderTold[],
): Promise<void> {
  await db.query(sql`
    insert into worker_models (worker, models, providers) values (${worker}, ${JSON.stringify(models)}::jsonb, ${JSON.stringify(providers)}::jsonb)
    on conflict (worker) do update set models = excluded.models, providers = excluded.providers, told_at = now()`);
  await db.query(sql`delete from worker_models where told_at < now() - interval '30 days'`);
}

type Told = { models: ModelFacts[]; providers: ProviderTold[] };

/** What the live workers can ask, the latest first; where none lives, what the last ones could. */
async function told(db: Queries): Promise<Told[]> {
  const rows = await db.query<{ models: unknown; providers: ProviderTold[]; live: boolean }>(sql`
    select m.models, m.providers, w.name is not null as live from worker_models m
    left join worker w on w.name = m.worker and w.seen_at > now() - interval '1 minute'
    order by m.told_at desc`);
  const live = rows.filter((row) => row.live);
  return (live.length > 0 ? live : rows.slice(0, 1)).map(({ models, providers }) => ({
    models: z.array(ModelFactsSchema).catch([]).parse(models),
    providers,
  }));
}

/** The models that every worker can ask, since any of them may claim the task; `default` = what a task has when nobody chooses. */
export async function modelList(db: Queries): Promise<ModelList> {
  const [first, ...others] = await told(db);
  const common = (first?.models ?? []).filter(({ name }) => others.every(({ models }) => models.some((one) => one.name === name)));
  const chosen = await defaultModel(db);
  const models = [...common, SCRIPT];
  const usual = models.find(({ name }) => name === chosen) ?? models[0] ?? SCRIPT;
  return { models, default: usual.name };
}

/** Each provider as the workers see it; where they differ, as the one that has more to complain about. */
export async function modelProviders(db: Queries): Promise<ModelProvider[]> {
  const rows = await providerRows(db);
  const all = (await told(db)).flatMap(({ providers }) => providers);
  return (["openai", "anthropic", "compatible"] as const).map((provider) => {
    const row = rows.find((one) => one.provider === provider);
    const seen = all.filter((one) => one.provider === provider);
    const worst = seen.find(({ trouble }) => trouble !== null) ?? seen[0];
    return {
      provider,
      baseUrl: row?.base_url ?? worst?.baseUrl ?? null,
      key: row?.sealed_key ? "settings" : worst?.key === "environment" && !row?.base_url ? "environment" : null,
      models: row?.models ?? [],
      available: worst?.available ?? null,
      trouble: worst?.trouble ?? null,
    };
  });
}

/** What an administrator chose; null = nothing. */
export async function defaultModel(db: Queries): Promise<string | null> {
  const [row] = await db.query<{ value: string }>(sql`select value from setting where key = ${DEFAULT}`);
  return row?.value ?? null;
}

export async function setDefaultModel(db: Queries, name: string | null): Promise<void> {
  await db.query(sql`delete from setting where key = ${DEFAULT}`);
  if (name !== null) await db.query(sql`insert into setting (key, value) values (${DEFAULT}, ${JSON.stringify(name)}::jsonb)`);
}
