import {
  DEFAULT_LIMITS,
  Environment,
  EnvironmentChange,
  EnvironmentPage,
  type EnvironmentSpec,
  EnvironmentVersionPage,
  EstimateAnswer,
  Mode,
  NewEnvironment,
  TaskSummary,
  type User,
} from "@farhand/protocol";
import { z } from "zod";
import type { Config } from "../config.ts";
import { budgetOf } from "../domain/budget.ts";
import { chooseModel } from "../domain/models.ts";
import { Secret } from "../domain/secret.ts";
import { UserError } from "../domain/user-error.ts";
import { record } from "../store/audit.ts";
import {
  addEnvironment,
  changeEnvironment,
  getEnvironment,
  listEnvironments,
  listVersions,
  resetEnvironment,
} from "../store/environments.ts";
import { estimate } from "../store/estimates.ts";
import { modelList } from "../store/models.ts";
import { askProbe } from "../store/probes.ts";
import { sealForWorkers } from "../store/secrets.ts";
import { createSetupTest } from "../store/setup-tests.ts";
import { getTask } from "../store/tasks.ts";
import { callerOf } from "./auth.ts";
import { once } from "./idempotency.ts";
import type { Api, ApiParts } from "./parts.ts";
import { problemAnswers } from "./problems.ts";

const PROBE_MS = 45_000;
const byName = z.object({ environment: z.string().min(1).max(100).describe("Name or id") });
const page = z.object({ limit: z.coerce.number().int().min(1).max(100).default(50), cursor: z.string().max(100).default("") });
const versionPage = z.object({
  limit: z.coerce.number().int().min(1).max(50).default(20),
  cursor: z.coerce.number().int().min(1).max(2_147_483_647).optional().describe("Only versions before this one"),
});

/** Recipes of sandboxes. A repository is looked at by a worker before anything is stored. */
export function environmentRoutes(app: Api, { db, limits }: ApiParts, config: Config): void {
  app.get(
    "/environments",
    { schema: { summary: "All environments, by name", querystring: page, response: { 200: EnvironmentPage, ...problemAnswers } } },
    async (request) => {
      const { limit, cursor } = request.query;
      const environments = await listEnvironments(db, cursor, limit + 1);
      return {
        environments: environments.slice(0, limit),
        cursor: environments.length > limit ? (environments[limit - 1]?.name ?? null) : null,
      };
    },
  );

  app.get(
    "/environments/:environment",
    { schema: { summary: "One environment", params: byName, response: { 200: Environment, ...problemAnswers } } },
    async (request) => getEnvironment(db, request.params.environment),
  );

  app.get(
    "/environments/:environment/estimate",
    {
      schema: {
        summary:
          "What an attempt of a new task is likely to take, by what others took (null where too little has been done), and what it may take",
        params: byName,
        querystring: z.object({ mode: Mode.default("code"), model: z.string().max(200).optional().describe("Default: the usual one") }),
        response: { 200: EstimateAnswer, ...problemAnswers },
      },
    },
    async (request) => {
      const { id, limits } = await getEnvironment(db, request.params.environment);
      const { name: model } = chooseModel(await modelList(db), request.query.model, undefined);
      return { estimate: await estimate(db, id, request.query.mode, model), limits: budgetOf({}, limits.turnMinutes, config) };
    },
  );

  app.get(
    "/environments/:environment/versions",
    {
      schema: {
        summary: "All that an environment has been, newest first",
        params: byName,
        querystring: versionPage,
        response: { 200: EnvironmentVersionPage, ...problemAnswers },
      },
    },
    async (request) => {
      const { limit, cursor } = request.query;
      const { id } = await getEnvironment(db, request.params.environment);
      const versions = await listVersions(db, id, cursor ?? null, limit + 1);
      const last = versions.length > limit ? versions[limit - 1] : undefined;
      return { versions: versions.slice(0, limit), cursor: last ? String(last.version) : null };
    },
  );

  app.post(
    "/environments",
    { schema: { summary: "Make an environment", body: NewEnvironment, response: { 201: Environment, ...problemAnswers } } },
    async (request, reply) => {
      const caller = callerOf(request);
      const { name, token, secrets, ...asked } = request.body;
      const spec = { ...asked, limits: withDefaults(asked.limits, DEFAULT_LIMITS) };
      const sealedToken = token === undefined ? null : await sealForWorkers(db, new Secret(token));
      await check(spec, sealedToken, caller);
      const sealedSecrets = await sealAll(secrets);
      const made = await once(db, caller, request, async (tx) => {
        const environment = await addEnvironment(tx, name, {
          spec,
          sealedToken,
          sealedSecrets,
          by: caller.id,
          byAdministrator: isAdministrator(caller),
        });
        await record(tx, caller.id, "environment.made", environment.id, { name });
        return environment;
      });
      return reply.code(201).send(made);
    },
  );

  app.patch(
    "/environments/:environment",
    {
      schema: {
        summary: "Change an environment: makes its next version",
        params: byName,
        body: EnvironmentChange,
        response: { 200: Environment, ...problemAnswers },
      },
    },
    async (request) => {
      const caller = callerOf(request);
      const current = await changeable(request.params.environment, caller);
      const { version, token, secrets, variables, toolchains, limits, ...change } = request.body;
      if (version !== undefined && version !== current.version)
        throw new UserError(
          "conflict",
          `${current.name} has been changed meanwhile, to version ${current.version}: look at it and try again`,
        );
      const spec = {
        repository: current.repository,
        branch: current.branch,
        transcript: current.transcript,
        publish: current.publish,
        setup: current.setup,
        automaticSetup: current.automaticSetup,
        maintenance: current.maintenance,
        setupMinutes: current.setupMinutes,
        setupNetwork: current.setupNetwork,
        network: current.network,
        checks: current.checks,
        ...withDefaults(change, {}),
        limits: withDefaults(limits ?? {}, current.limits),
        variables: withChanges(current.variables, variables ?? {}),
        toolchains: withChanges(current.toolchains, toolchains ?? {}),
      };
      const moved = spec.repository !== current.repository;
      if (moved && current.hasToken && token === undefined) {
        throw new UserError(
          "invalid",
          "the repository changes, and the stored token belongs to the old one: give a new token, or null to forget it",
        );
      }
      const leftOver = current.secrets.filter((name) => secrets?.[name] === undefined);
      if (moved && leftOver.length > 0) {
        throw new UserError(
          "invalid",
          `the repository changes, and the setup secrets ${leftOver.join(", ")} belong to the old one: give each a new value, or null to forget it`,
        );
      }
      const sealedToken = typeof token === "string" ? await sealForWorkers(db, new Secret(token)) : token;
      if (moved || sealedToken || change.branch)
        await check(spec, sealedToken ?? null, caller, !moved && sealedToken === undefined ? current.id : null);
      const sealedSecrets = await sealAll(secrets ?? {});
      const draft = { spec, sealedToken, sealedSecrets, by: caller.id, byAdministrator: isAdministrator(caller) };
      return db.transaction(async (tx) => {
        const changed = await changeEnvironment(tx, current.id, current.version, draft);
        await record(tx, caller.id, "environment.changed", changed.id, { version: changed.version });
        return changed;
      });
    },
  );

  app.post(
    "/environments/:environment/reset",
    {
      schema: {
        summary: "Forget what is kept of its setup and checkouts: the next task makes it anew",
        params: byName,
        response: { 200: Environment, ...problemAnswers },
      },
    },
    async (request) => {
      const caller = callerOf(request);
      const current = await changeable(request.params.environment, caller);
      await db.transaction(async (tx) => {
        await resetEnvironment(tx, current.id);
        await record(tx, caller.id, "environment.reset", current.id, {});
      });
      return getEnvironment(db, current.id);
    },
  );

  app.post(
    "/environments/:environment/setup-test",
    {
      schema: {
        summary: "Run its setup anew, as a task that is in no list; its log and end are read as any task's, and what it leaves is kept",
        params: byName,
        response: { 201: TaskSummary, ...problemAnswers },
      },
    },
    async (request, reply) => {
      const caller = callerOf(request);
      const current = await changeable(request.params.environment, caller);
      const given = await db.transaction(async (tx) => {
        const id = await createSetupTest(tx, caller, current);
        await record(tx, caller.id, "environment.setup-tested", current.id, { task: id });
        return getTask(tx, caller, id, limits);
      });
      return reply.code(201).send(given);
    },
  );

  async function changeable(nameOrId: string, caller: User): Promise<Environment> {
    const current = await getEnvironment(db, nameOrId);
    if (!isAdministrator(caller) && current.createdBy !== caller.id)
      throw new UserError("forbidden", `environment ${current.name} is somebody else's: ask them or an administrator to change it`);
    return current;
  }

  async function sealAll(secrets: Readonly<Record<string, string | null>>): Promise<Record<string, Buffer | null>> {
    const sealed: Record<string, Buffer | null> = {};
    for (const [name, value] of Object.entries(secrets)) sealed[name] = value === null ? null : await sealForWorkers(db, new Secret(value));
    return sealed;
  }

  async function check(spec: EnvironmentSpec, sealedToken: Buffer | null, caller: User, tokenOf: string | null = null): Promise<void> {
    const stored = tokenOf === null ? null : await storedToken(tokenOf);
    const answer = await askProbe(
      db,
      { url: spec.repository, branch: spec.branch, sealed_token: sealedToken ?? stored, by_administrator: isAdministrator(caller) },
      PROBE_MS,
    );
    if (!answer)
      throw new UserError(
        "unavailable",
        "no worker looked at the repository in time: is one running? GET /readyz and farhand doctor say what is missing",
      );
    if (!answer.ok) throw new UserError(answer.code, answer.detail);
  }

  async function storedToken(environmentId: string): Promise<Buffer | null> {
    const [row] = await db.query<{ sealed: Buffer }>({
      text: `select s.sealed from environment e join environment_version v on v.environment_id = e.id and v.version = e.version join secret s on s.id = v.token_secret where e.id = $1`,
      values: [environmentId],
    });
    return row?.sealed ?? null;
  }
}

const isAdministrator = (user: User) => user.role === "administrator";

/** Without what becomes null. */
function withChanges(
  current: Readonly<Record<string, string>>,
  changes: Readonly<Record<string, string | null | undefined>>,
): Record<string, string> {
  const entries = Object.entries({ ...current, ...changes });
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => typeof entry[1] === "string"));
}

/** What is named wins; what is undefined counts as not named. */
function withDefaults<T extends object, D extends Partial<T>>(named: T, defaults: D): D & { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.assign({ ...defaults }, Object.fromEntries(Object.entries(named).filter(([, value]) => value !== undefined))) as D & {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}
