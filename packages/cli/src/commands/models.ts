import { Effort, type ModelFacts, ModelProvider, type ModelProviderChange, type Prices } from "@farhand/protocol";
import { Failure, USAGE } from "../failure.ts";
import { answer, client, type Invocation, readInput } from "../invocation.ts";
import { safeLine } from "../safe-text.ts";
import { duration } from "../words.ts";

export async function listModels(invocation: Invocation): Promise<number> {
  const list = await (await client(invocation)).models();
  await answer(invocation, list, () => {
    const width = Math.max(...list.models.map(({ name }) => name.length));
    return list.models.map((model) => `${line(model, width)}${model.name === list.default ? "  (default)" : ""}\n`).join("");
  });
  return 0;
}

export async function tryModel(invocation: Invocation, name: string): Promise<number> {
  const tried = await (await client(invocation)).tryModel(name);
  const { style } = invocation.screen;
  await answer(invocation, tried, () => {
    const sign = tried.ok ? style("green", "✔") : style("red", "✖");
    const cost = tried.costUsd === null ? "" : ` · $${tried.costUsd.toPrecision(2)}`;
    return `${sign} ${safeLine(tried.said)}${tried.ok ? style("dim", ` · ${duration(tried.durationMs)}${cost}`) : ""}\n`;
  });
  return tried.ok ? 0 : 1;
}

export async function chooseDefault(invocation: Invocation, name: string | undefined): Promise<number> {
  const settings = await (await client(invocation)).chooseDefaultModel(name ?? null);
  await answer(invocation, settings, () =>
    settings.default === null ? "The first model that can be asked is the default\n" : `${safeLine(settings.default)} is the default\n`,
  );
  return 0;
}

/** false = forget what was set. */
export type ProviderOptions = { keyStdin?: boolean; key?: boolean; baseUrl?: string | false; model?: string[] | false };

export async function setProvider(invocation: Invocation, name: string, options: ProviderOptions): Promise<number> {
  const provider = ModelProvider.shape.provider.safeParse(name);
  if (!provider.success) throw new Failure(`there is no provider ${JSON.stringify(name)}: it is openai, anthropic or compatible`, USAGE);
  const change: ModelProviderChange = {};
  if (options.keyStdin) change.key = await keyFromInput(invocation);
  else if (options.key === false) change.key = null;
  if (options.baseUrl !== undefined) change.baseUrl = options.baseUrl === false ? null : options.baseUrl;
  if (options.model !== undefined) change.models = options.model === false ? [] : options.model;
  if (Object.keys(change).length === 0) throw new Failure('nothing to change: see "farhand models set --help"', USAGE);
  const settings = await (await client(invocation)).changeModelProvider(provider.data, change);
  const now = settings.providers.find((one) => one.provider === provider.data);
  await answer(invocation, settings, () => {
    const key = now?.key === null || now === undefined ? "no key" : `key from the ${now.key}`;
    return `${provider.data}: ${safeLine(now?.baseUrl ?? "no address")}, ${key}; "farhand models" shows its models\n`;
  });
  return 0;
}

/** null: as the model's provider sees fit. */
export function effortFrom(text: string): Effort | null {
  if (text === "auto") return null;
  const effort = Effort.safeParse(text);
  if (effort.success) return effort.data;
  throw new Failure(`--effort takes auto, ${Effort.options.join(", ")}, not ${JSON.stringify(text)}`, USAGE);
}

function line({ name, contextTokens, prices, efforts }: ModelFacts, width: number): string {
  const context = contextTokens === null ? "" : ` · ${Math.round(contextTokens / 1000)}k tokens`;
  const choice = efforts.length === 0 ? "" : ` · effort ${efforts.join("|")}`;
  return `${safeLine(name).padEnd(width)}  ${pricesInWords(prices)}${context}${choice}`;
}

/** Of a million tokens. */
function pricesInWords(prices: Prices | null): string {
  if (prices === null) return "price unknown";
  if (prices.input === 0 && prices.output === 0) return "free";
  return `$${prices.input} in, $${prices.cachedInput} cached, $${prices.output} out`;
}

async function keyFromInput(invocation: Invocation): Promise<string> {
  const key = (await readInput(invocation, "The provider's key")).trim();
  if (!key || /\s/.test(key)) throw new Failure("--key-stdin found no key: standard input must hold it alone", USAGE);
  return key;
}
