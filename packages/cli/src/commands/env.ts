import { readFile } from "node:fs/promises";
import { isAbsolute, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import {
  type Environment,
  type EnvironmentChange,
  type Limits,
  type NewEnvironment,
  recipeInWords,
  ToolchainName,
  type TranscriptPolicy,
} from "@farhand/protocol";
import { Failure, USAGE } from "../failure.ts";
import { answer, client, type Invocation, readInput, wholeNumber } from "../invocation.ts";
import { type NetworkOptions, networkPolicy, networkRows, type SetupNetworkOptions, setupNetworkPolicy } from "../network-options.ts";
import { safeLine } from "../safe-text.ts";
import type { Screen } from "../screen.ts";
import { ago, bytesInWords, count } from "../words.ts";
import { follow } from "./watch.ts";

export type LimitOptions = {
  memoryMb?: string;
  cpus?: string;
  processes?: string;
  diskMb?: string;
  turnMinutes?: string;
  requireLimits?: boolean;
};
export type SetupOptions = {
  /** A file's path, or - for standard input; false = none. */
  setup?: string | false;
  maintenance?: string | false;
  setupMinutes?: string;
  autoSetup?: boolean;
  /** NAME=VERSION */
  toolchain?: string[];
  dropToolchain?: string[];
  /** NAME=VALUE */
  var?: string[];
  /** Names to forget. */
  dropVar?: string[];
  /** The name of the one whose value is on standard input. */
  secret?: string;
  dropSecret?: string[];
  /** Commands; false = none. */
  check?: string[] | false;
};
export type EnvOptions = LimitOptions &
  NetworkOptions &
  SetupNetworkOptions &
  SetupOptions & {
    repo?: string;
    /** false = forget it: the repository's default branch. */
    branch?: string | false;
    publish?: string;
    transcript?: string;
    tokenStdin?: boolean;
    /** false = forget the stored one. */
    token?: boolean;
  };

export async function createEnvironment(invocation: Invocation, name: string, options: EnvOptions): Promise<number> {
  const spec: NewEnvironment = { name, repository: repository(options.repo ?? "", invocation.cwd), limits: limits(options) };
  if (typeof options.branch === "string") spec.branch = options.branch;
  if (options.publish !== undefined) spec.publish = publishPolicy(options.publish);
  if (options.transcript !== undefined) spec.transcript = transcriptPolicy(options.transcript);
  const network = networkPolicy(options);
  if (network !== null) spec.network = network;
  const setupNetwork = setupNetworkPolicy(options);
  if (setupNetwork !== null) spec.setupNetwork = setupNetwork;
  oneInput(options);
  Object.assign(spec, await setupOf(invocation, options));
  if (options.tokenStdin) spec.token = await tokenFromInput(invocation);
  const environment = await (await client(invocation)).createEnvironment(spec);
  await answer(invocation, environment, () => `Created ${details(invocation.screen, environment)}`);
  return 0;
}

export async function editEnvironment(invocation: Invocation, nameOrId: string, options: EnvOptions): Promise<number> {
  const change: EnvironmentChange = {};
  if (options.repo !== undefined) change.repository = repository(options.repo, invocation.cwd);
  if (options.branch !== undefined) change.branch = options.branch === false ? null : options.branch;
  if (options.publish !== undefined) change.publish = publishPolicy(options.publish);
  if (options.transcript !== undefined) change.transcript = transcriptPolicy(options.transcript);
  const network = networkPolicy(options);
  if (network !== null) change.network = network;
  const setupNetwork = setupNetworkPolicy(options);
  if (setupNetwork !== null) change.setupNetwork = setupNetwork;
  oneInput(options);
  Object.assign(change, await setupOf(invocation, options));
  if (options.tokenStdin) change.token = await tokenFromInput(invocation);
  else if (options.token === false) change.token = null;
  const changed = limits(options);
  if (Object.keys(changed).length > 0) change.limits = changed;
  if (Object.keys(change).length === 0) throw new Failure('nothing to change: see "farhand env edit --help"', USAGE);
  const environment = await (await client(invocation)).changeEnvironment(nameOrId, change);
  await answer(invocation, environment, () => `Changed ${details(invocation.screen, environment)}`);
  return 0;
}

export async function listEnvironments(invocation: Invocation, options: { limit: string; cursor?: string }): Promise<number> {
  const limit = wholeNumber("--limit", options.limit);
  const page = await (await client(invocation)).environments({
    limit,
    ...(options.cursor === undefined ? {} : { cursor: options.cursor }),
  });
  await answer(invocation, page, () => {
    if (page.environments.length === 0) return "No environments. Make one: farhand env create NAME --repo URL|PATH\n";
    const width = Math.max(...page.environments.map((one) => one.name.length));
    const rows = page.environments.map((one) => `${one.name.padEnd(width)}  ${invocation.screen.style("dim", safeLine(one.repository))}\n`);
    const more = page.cursor ? `\nTo fetch the next page, run farhand env list --cursor='${safeLine(page.cursor)}'\n` : "";
    return rows.join("") + more;
  });
  return 0;
}

export async function showEnvironment(invocation: Invocation, nameOrId: string): Promise<number> {
  const environment = await (await client(invocation)).environment(nameOrId);
  await answer(invocation, environment, () => details(invocation.screen, environment));
  return 0;
}

export async function resetEnvironment(invocation: Invocation, nameOrId: string): Promise<number> {
  const environment = await (await client(invocation)).resetEnvironment(nameOrId);
  await answer(invocation, environment, () => `The next task of ${safeLine(environment.name)} runs its setup anew\n`);
  return 0;
}

/** Runs the setup anew and shows it to its end; 0 = it worked. */
export async function testSetup(invocation: Invocation, nameOrId: string): Promise<number> {
  const farhand = await client(invocation);
  const task = await farhand.testSetup(nameOrId);
  if (!invocation.json) await invocation.screen.out(`${task.id}\n`);
  return follow(invocation, farhand, task.id, { prompt: false });
}

function details(screen: Screen, environment: Environment): string {
  const { limits: held } = environment;
  const rows = [
    ["repository", `${environment.repository}${environment.hasToken ? " (with a token)" : ""}`],
    ["branch", environment.branch ?? "the repository's default branch"],
    ["publish", environment.publish === "always" ? "always: at once when an attempt succeeds" : "click: when somebody asks"],
    ["transcript", environment.transcript === "link" ? "link: each commit names the address of its task" : "none: no commit names it"],
    [
      "limits",
      `${held.memoryMb} MB memory, ${held.cpus} CPUs, ${held.processes} processes, ${held.diskMb} MB disk, ${held.turnMinutes} min a turn`,
    ],
    ["", held.required ? "required: no sandbox where one cannot be held" : "held where the machine can"],
    ...networkRows(environment),
    ...setupRows(environment),
    ["changed", ago(environment.updatedAt, Date.now())],
  ] satisfies [string, string][];
  const lines = rows.map(([name, value]) => `  ${screen.style("dim", name.padEnd(11))} ${safeLine(value)}\n`);
  return `${screen.style("bold", environment.name)} (version ${environment.version}, ${environment.id})\n${lines.join("")}`;
}

function setupRows(environment: Environment): [string, string][] {
  const { setup, automaticSetup, maintenance, setupMinutes, variables, toolchains, secrets, checks, snapshots, lastMiss, recipe } =
    environment;
  const now = Date.now();
  const script = (text: string) =>
    text.trim() === "" ? "none" : `${count(text.trimEnd().split("\n").length, "line")}, at most ${setupMinutes} min`;
  const rows: [string, string][] = [["setup", setup.trim() === "" && automaticSetup ? "automatic" : script(setup)]];
  if (recipe)
    rows.push(
      ["last used", `${ago(recipe.at, now)}: ${recipeInWords(recipe)}`],
      ...recipe.notices.map((notice): [string, string] => ["", notice]),
    );
  if (maintenance.trim() !== "") rows.push(["maintenance", script(maintenance)]);
  for (const [name, value] of Object.entries(variables))
    rows.push([rows.at(-1)?.[0] === "variables" ? "" : "variables", `${name}=${value}`]);
  const versions = Object.entries(toolchains).map(([name, version]) => `${name} ${version}`);
  if (versions.length > 0) rows.push(["toolchains", versions.join(", ")]);
  if (secrets.length > 0) rows.push(["secrets", `${secrets.join(", ")} (in setup only)`]);
  for (const check of checks) rows.push([rows.at(-1)?.[0] === "checks" ? "" : "checks", check]);
  for (const one of snapshots) {
    const size = one.bytes === null ? "" : `, ${bytesInWords(one.bytes)}`;
    rows.push([
      "kept",
      `on ${one.worker} at ${one.commit.slice(0, 10)}, made ${ago(one.madeAt, now)}${size}, served ${count(one.hits, "time")}`,
    ]);
  }
  if (lastMiss) rows.push(["last run", `of setup ${ago(lastMiss.at, now)}: ${lastMiss.reason}`]);
  return rows;
}

type SetupFields = Pick<NewEnvironment, "setup" | "automaticSetup" | "maintenance" | "setupMinutes" | "checks"> &
  Pick<EnvironmentChange, "variables" | "toolchains" | "secrets">;

async function setupOf(invocation: Invocation, options: SetupOptions): Promise<SetupFields> {
  const fields: SetupFields = {};
  for (const name of ["setup", "maintenance"] as const) {
    const from = options[name];
    if (from !== undefined) fields[name] = from === false ? "" : await scriptFrom(invocation, name, from);
  }
  if (options.check !== undefined) fields.checks = options.check || [];
  if (options.setupMinutes !== undefined) fields.setupMinutes = wholeNumber("--setup-minutes", options.setupMinutes);
  const variables = Object.fromEntries([
    ...(options.var ?? []).map((text) => assignment(text, "--var", "NAME=VALUE")),
    ...(options.dropVar ?? []).map((name) => [name, null]),
  ]);
  if (Object.keys(variables).length > 0) fields.variables = variables;
  if (options.autoSetup !== undefined) fields.automaticSetup = options.autoSetup;
  const toolchains = toolchainsOf(options);
  if (Object.keys(toolchains).length > 0) fields.toolchains = toolchains;
  const secrets: NonNullable<SetupFields["secrets"]> = Object.fromEntries((options.dropSecret ?? []).map((name) => [name, null]));
  if (options.secret !== undefined) secrets[options.secret] = await secretFromInput(invocation, options.secret);
  if (Object.keys(secrets).length > 0) fields.secrets = secrets;
  return fields;
}

function toolchainsOf({ toolchain = [], dropToolchain = [] }: SetupOptions): NonNullable<SetupFields["toolchains"]> {
  const changes: NonNullable<SetupFields["toolchains"]> = {};
  const named = [
    ...toolchain.map((text) => assignment(text, "--toolchain", "NAME=VERSION")),
    ...dropToolchain.map((name) => [name, null] as const),
  ];
  for (const [text, version] of named) {
    const name = ToolchainName.options.find((one) => one === text);
    if (!name) throw new Failure(`there is no toolchain ${JSON.stringify(text)}; there are: ${ToolchainName.options.join(", ")}`, USAGE);
    changes[name] = version;
  }
  return changes;
}

/** Standard input can be one thing only. */
function oneInput(options: EnvOptions): void {
  const readers = [
    options.setup === "-" ? "--setup -" : null,
    options.maintenance === "-" ? "--maintenance -" : null,
    options.secret === undefined ? null : "--secret",
    options.tokenStdin ? "--token-stdin" : null,
  ].filter((one) => one !== null);
  if (readers.length > 1) throw new Failure(`${readers.join(" and ")} both read standard input: call twice`, USAGE);
}

async function scriptFrom(invocation: Invocation, name: string, from: string): Promise<string> {
  if (from === "-") return readInput(invocation, `The ${name} script`);
  try {
    return await readFile(resolve(invocation.cwd, from), "utf8");
  } catch (cause) {
    throw new Failure(`--${name} could not be read: ${(cause as Error).message}`, USAGE, { cause });
  }
}

function assignment(text: string, option: string, form: string): [string, string] {
  const at = text.indexOf("=");
  if (at < 1) throw new Failure(`${option} takes ${form}, not ${JSON.stringify(text)}`, USAGE);
  return [text.slice(0, at), text.slice(at + 1)];
}

/** Without the line break that an editor or echo puts at the end. */
async function secretFromInput(invocation: Invocation, name: string): Promise<string> {
  const value = (await readInput(invocation, `The value of ${name}`)).replace(/\r?\n$/, "");
  if (value === "") throw new Failure(`--secret ${name} found no value: standard input must hold it`, USAGE);
  return value;
}

/** A URL as it is; a path of this machine made absolute, since the server has another working directory. */
export function repository(text: string, cwd: string): string {
  if (text.startsWith("file://")) {
    try {
      return fileURLToPath(text);
    } catch (cause) {
      throw new Failure(`${JSON.stringify(text)} is no file address: give the path itself`, USAGE, { cause });
    }
  }
  if (!text) throw new Failure("--repo is empty: give an https address or a path", USAGE);
  const isAddress = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) || /^[^/\s]+@[^/\s]+:/.test(text); // the second form is that of ssh; the server says what it takes
  return isAddress || isAbsolute(text) ? text : resolve(cwd, text);
}

function publishPolicy(text: string): "click" | "always" {
  if (text === "click" || text === "always") return text;
  throw new Failure(`--publish takes click or always, not ${JSON.stringify(text)}`, USAGE);
}

function transcriptPolicy(text: string): TranscriptPolicy {
  if (text === "none" || text === "link") return text;
  throw new Failure(`--transcript takes none or link, not ${JSON.stringify(text)}`, USAGE);
}

function limits(options: LimitOptions): Partial<Limits> {
  const given: Partial<Limits> = {};
  if (options.memoryMb !== undefined) given.memoryMb = wholeNumber("--memory-mb", options.memoryMb);
  if (options.processes !== undefined) given.processes = wholeNumber("--processes", options.processes);
  if (options.diskMb !== undefined) given.diskMb = wholeNumber("--disk-mb", options.diskMb);
  if (options.turnMinutes !== undefined) given.turnMinutes = wholeNumber("--turn-minutes", options.turnMinutes);
  if (options.requireLimits !== undefined) given.required = options.requireLimits;
  if (options.cpus !== undefined) {
    given.cpus = /^[0-9]{1,6}(\.[0-9]{1,3})?$/.test(options.cpus) ? Number(options.cpus) : 0;
    if (!(given.cpus > 0)) throw new Failure(`--cpus takes a number such as 2 or 0.5, not ${JSON.stringify(options.cpus)}`, USAGE);
  }
  return given;
}

async function tokenFromInput(invocation: Invocation): Promise<string> {
  const token = (await readInput(invocation, "The repository's access token")).trim();
  if (!token || /\s/.test(token)) throw new Failure("--token-stdin found no token: standard input must hold it alone", USAGE);
  return token;
}
