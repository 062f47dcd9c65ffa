import {
  DEFAULT_LIMITS,
  type Environment,
  type EnvironmentSpec,
  type EnvironmentVersion,
  type Limits,
  NetworkPolicy,
  type RunRecipe,
  type Toolchains,
} from "@farhand/protocol";
import { newId } from "../domain/id.ts";
import { allowedDomains } from "../domain/network-presets.ts";
import { UserError } from "../domain/user-error.ts";
import { type Queries, sql } from "./db.ts";
import { addSecret } from "./secrets.ts";

/** What of a row makes an EnvironmentSpec; `v` is the version, `r` its repository. */
const specColumns =
  "r.url, v.branch, v.publish, v.transcript, v.limits, v.network, v.setup, v.maintenance, v.setup_minutes, v.variables, v.setup_network, v.automatic_setup, v.toolchains, v.checks";

type SpecRow = {
  url: string;
  branch: string | null;
  publish: Environment["publish"];
  transcript: Environment["transcript"];
  limits: Limits;
  network: unknown;
  setup: string;
  maintenance: string;
  setup_minutes: number;
  variables: Record<string, string>;
  setup_network: unknown;
  automatic_setup: boolean;
  toolchains: Toolchains;
  checks: string[];
};

const specFrom = (row: SpecRow): EnvironmentSpec => ({
  repository: row.url,
  branch: row.branch,
  publish: row.publish,
  transcript: row.transcript,
  limits: { ...DEFAULT_LIMITS, ...row.limits },
  setup: row.setup,
  maintenance: row.maintenance,
  setupMinutes: row.setup_minutes,
  variables: row.variables,
  network: NetworkPolicy.parse(row.network),
  setupNetwork: NetworkPolicy.parse(row.setup_network),
  automaticSetup: row.automatic_setup,
  toolchains: row.toolchains,
  checks: row.checks,
});

type ShownRow = SpecRow & {
  id: string;
  name: string;
  version: number;
  token_secret: string | null;
  created_by: string;
  created_at: Date;
  updated_at: Date;
  secrets: string[];
  snapshots: Environment["snapshots"];
  last_miss: string | null;
  last_miss_at: Date | null;
  recipe: RunRecipe | null;
  recipe_at: Date | null;
};

const fromRow = (row: ShownRow): Environment => ({
  id: row.id,
  name: row.name,
  version: row.version,
  ...specFrom(row),
  allowedDomains: allowedDomains(NetworkPolicy.parse(row.network)),
  setupAllowedDomains: allowedDomains(NetworkPolicy.parse(row.setup_network)),
  hasToken: row.token_secret !== null,
  secrets: row.secrets,
  snapshots: row.snapshots.map((one) => ({
    ...one,
    madeAt: new Date(one.madeAt).toISOString(),
    usedAt: new Date(one.usedAt).toISOString(),
  })),
  lastMiss: row.last_miss === null || row.last_miss_at === null ? null : { reason: row.last_miss, at: row.last_miss_at.toISOString() },
  recipe: row.recipe === null || row.recipe_at === null ? null : { ...row.recipe, at: row.recipe_at.toISOString() },
  createdBy: row.created_by,
  createdAt: row.created_at.toISOString(),
  updatedAt: row.updated_at.toISOString(),
});

const shown = `
  select e.id, e.name, e.version, ${specColumns}, v.token_secret, e.created_by, e.created_at, e.updated_at, e.last_miss, e.last_miss_at, e.recipe, e.recipe_at,
    (select coalesce(json_agg(s.name order by s.name), '[]') from environment_secret s where s.environment_id = e.id and s.version = e.version) as secrets,
    (select coalesce(json_agg(json_build_object('worker', l.worker, 'commit', l.commit, 'madeAt', l.made_at, 'usedAt', l.used_at, 'hits', l.hits, 'bytes', l.bytes)
      order by l.made_at desc), '[]') from layer_stack l
      where l.environment_id = e.id and l.kind = 'setup' and l.task_id is null and (l.parts->>'generation')::int = e.generation
        and l.family = (select n.family from layer_stack n where n.environment_id = e.id and n.worker = l.worker and n.kind = 'setup' and n.task_id is null
          order by n.made_at desc limit 1)) as snapshots
  from environment e join environment_version v on v.environment_id = e.id and v.version = e.version join repository r on r.id = v.repository_id`;

/** By name or id. Throws UserError `not-found` that names the ones there are. */
export async function getEnvironment(db: Queries, nameOrId: string): Promise<Environment> {
  const [row] = await db.query<ShownRow>({ text: `${shown} where e.id = $1 or e.name = $1`, values: [nameOrId] });
  if (row) return fromRow(row);
  const names = await db.query<{ name: string }>(sql`select name from environment order by name limit 10`);
  const known =
    names.length > 0
      ? `there are: ${names.map(({ name }) => name).join(", ")}`
      : "there is none yet: make one with farhand env create NAME --repo URL";
  throw new UserError("not-found", `there is no environment ${nameOrId}; ${known}`);
}

/** In the order of their names, from after the name `after`. */
export async function listEnvironments(db: Queries, after: string, limit: number): Promise<Environment[]> {
  const rows = await db.query<ShownRow>({ text: `${shown} where e.name > $1 order by e.name limit $2`, values: [after, limit] });
  return rows.map(fromRow);
}

/** Newest first, from before the version `before`; null = from the latest. */
export async function listVersions(db: Queries, id: string, before: number | null, limit: number): Promise<EnvironmentVersion[]> {
  const rows = await db.query<
    SpecRow & { version: number; has_token: boolean; secrets: string[]; user_id: string; user_name: string; created_at: Date }
  >({
    text: `select v.version, ${specColumns}, v.token_secret is not null as has_token, v.created_at, u.id as user_id, u.name as user_name,
      (select coalesce(json_agg(s.name order by s.name), '[]') from environment_secret s where s.environment_id = v.environment_id and s.version = v.version) as secrets
    from environment_version v join repository r on r.id = v.repository_id join users u on u.id = v.created_by
    where v.environment_id = $1 and ($2::int is null or v.version < $2) order by v.version desc limit $3`,
    values: [id, before, limit],
  });
  return rows.map((row) => ({
    version: row.version,
    recipe: specFrom(row),
    hasToken: row.has_token,
    secrets: row.secrets,
    createdBy: { id: row.user_id, name: row.user_name },
    createdAt: row.created_at.toISOString(),
  }));
}

/** `sealedToken`: undefined keeps the one of the version before, null forgets it. */
export type EnvironmentDraft = {
  spec: EnvironmentSpec;
  sealedToken: Buffer | null | undefined;
  /** Setup secrets that are new, change, or (null) go; the others stay as in the version before. */
  sealedSecrets?: Readonly<Record<string, Buffer | null>>;
  by: string;
  byAdministrator: boolean;
};

/** In the caller's transaction. Throws UserError `conflict` where the name is taken. */
export async function addEnvironment(tx: Queries, name: string, draft: EnvironmentDraft): Promise<Environment> {
  const id = newId("env");
  const added = await tx.query(
    sql`insert into environment (id, name, version, created_by) values (${id}, ${name}, 1, ${draft.by}) on conflict (name) do nothing returning id`,
  );
  if (added.length === 0)
    throw new UserError(
      "conflict",
      `there is an environment ${name} already: take another name, or change it with farhand env edit ${name}`,
    );
  await addVersion(tx, id, 1, draft);
  return getEnvironment(tx, id);
}

/** Stores the whole next version, in the caller's transaction. Throws UserError `conflict` where `from` is not the last one any more. */
export async function changeEnvironment(tx: Queries, id: string, from: number, draft: EnvironmentDraft): Promise<Environment> {
  const changed = await tx.query(
    sql`update environment set version = version + 1, updated_at = now() where id = ${id} and version = ${from} returning id`,
  );
  if (changed.length === 0) throw new UserError("conflict", "somebody changed the environment at the same time: look at it and try again");
  await addVersion(tx, id, from + 1, draft);
  return getEnvironment(tx, id);
}

async function addVersion(
  tx: Queries,
  id: string,
  version: number,
  { spec, sealedToken, sealedSecrets = {}, by, byAdministrator }: EnvironmentDraft,
): Promise<void> {
  await tx.query(sql`insert into repository (id, url) values (${newId("repo")}, ${spec.repository}) on conflict (url) do nothing`);
  const token = sealedToken ? await addSecret(tx, sealedToken, by) : null;
  await tx.query(sql`
    insert into environment_version (environment_id, version, repository_id, branch, publish, transcript, limits, network, setup, maintenance, setup_minutes, variables, setup_network, automatic_setup, toolchains, checks, token_secret, by_administrator, created_by)
    select ${id}, ${version}::int, r.id, ${spec.branch}, ${spec.publish}, ${spec.transcript}, ${JSON.stringify(spec.limits)}::jsonb, ${JSON.stringify(spec.network)}::jsonb,
      ${spec.setup}, ${spec.maintenance}, ${spec.setupMinutes}, ${JSON.stringify(spec.variables)}::jsonb, ${JSON.stringify(spec.setupNetwork)}::jsonb, ${spec.automaticSetup}, ${JSON.stringify(spec.toolchains)}::jsonb, ${JSON.stringify(spec.checks)}::jsonb,
      case when ${sealedToken === undefined} then (select token_secret from environment_version where environment_id = ${id} and version = ${version}::int - 1) else ${token}::text end,
      ${byAdministrator}, ${by}
    from repository r where r.url = ${spec.repository}`);
  await tx.query(sql`
    insert into environment_secret (environment_id, version, name, secret_id)
    select environment_id, ${version}, name, secret_id from environment_secret
    where environment_id = ${id} and version = ${version}::int - 1 and name <> all (${Object.keys(sealedSecrets)}::text[])`);
  for (const [name, sealed] of Object.entries(sealedSecrets)) {
    if (sealed === null) continue;
    const secret = await addSecret(tx, sealed, by);
    await tx.query(
      sql`insert into environment_secret (environment_id, version, name, secret_id) values (${id}, ${version}, ${name}, ${secret})`,
    );
  }
}

/** Forgets what is kept of its setup and checkouts, on every worker. */
export async function resetEnvironment(db: Queries, id: string): Promise<void> {
  await db.query(sql`update environment set generation = generation + 1 where id = ${id}`);
}

/** What the last run at the environment's own branch worked by, for people to see. */
export async function noteRecipe(db: Queries, id: string, recipe: RunRecipe): Promise<void> {
  await db.query(sql`update environment set recipe = ${JSON.stringify(recipe)}::jsonb, recipe_at = now() where id = ${id}`);
}

/** What a run needs of the version that its turn began with. */
export type RunEnvironment = {
  id: string;
  version: number;
  name: string;
  owner: number;
  spec: EnvironmentSpec;
  repositoryId: string;
  sealedToken: Buffer | null;
  /** The id changes with the value. */
  secrets: { name: string; id: string; sealed: Buffer }[];
  /** Rises when what is kept is to be forgotten. */
  generation: number;
  byAdministrator: boolean;
};

export async function environmentOfTask(db: Queries, taskId: string): Promise<RunEnvironment> {
  const [row] = await db.query<
    SpecRow &
      Pick<ShownRow, "id" | "name" | "version"> & {
        owner: number;
        generation: number;
        repository_id: string;
        sealed: Buffer | null;
        by_administrator: boolean;
      }
  >({
    text: `
      select e.id, e.name, v.version, e.owner, e.generation, r.id as repository_id, ${specColumns}, s.sealed, v.by_administrator
      from task t join environment e on e.id = t.environment_id
        join environment_version v on v.environment_id = e.id and v.version = t.environment_version
        join repository r on r.id = v.repository_id left join secret s on s.id = v.token_secret
      where t.id = $1`,
    values: [taskId],
  });
  if (!row) throw new Error(`task ${taskId} has no environment`);
  const secrets = await db.query<{ name: string; id: string; sealed: Buffer }>(sql`
    select n.name, s.id, s.sealed from environment_secret n join secret s on s.id = n.secret_id
    where n.environment_id = ${row.id} and n.version = ${row.version} order by n.name`);
  return {
    id: row.id,
    version: row.version,
    name: row.name,
    owner: row.owner,
    spec: specFrom(row),
    repositoryId: row.repository_id,
    sealedToken: row.sealed,
    secrets,
    generation: row.generation,
    byAdministrator: row.by_administrator,
  };
}
