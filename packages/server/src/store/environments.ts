import { DEFAULT_LIMITS, type Environment, EnvironmentSpec, type Limits, NetworkPolicy } from "@farhand/protocol";
import { newId } from "../domain/id.ts";
import { allowedDomains } from "../domain/network-presets.ts";
import { UserError } from "../domain/user-error.ts";
import { type Db, type Queries, sql } from "./db.ts";
import { addSecret } from "./secrets.ts";

type Row = {
  id: string;
  name: string;
  version: number;
  url: string;
  branch: string | null;
  publish: Environment["publish"];
  limits: Limits;
  network: unknown;
  token_secret: string | null;
  created_by: string;
  created_at: Date;
  updated_at: Date;
};

const fromRow = (row: Row): Environment => ({
  id: row.id,
  name: row.name,
  version: row.version,
  repository: row.url,
  branch: row.branch,
  publish: row.publish,
  limits: { ...DEFAULT_LIMITS, ...row.limits },
  network: NetworkPolicy.parse(row.network),
  allowedDomains: allowedDomains(NetworkPolicy.parse(row.network)),
  hasToken: row.token_secret !== null,
  createdBy: row.created_by,
  createdAt: row.created_at.toISOString(),
  updatedAt: row.updated_at.toISOString(),
});

/** By name or id. Throws UserError `not-found` that names the ones there are. */
export async function getEnvironment(db: Queries, nameOrId: string): Promise<Environment> {
  const [row] = await db.query<Row>(sql`
    select e.id, e.name, e.version, r.url, v.branch, v.publish, v.limits, v.network, v.token_secret, e.created_by, e.created_at, e.updated_at
    from environment e join environment_version v on v.environment_id = e.id and v.version = e.version join repository r on r.id = v.repository_id
    where e.id = ${nameOrId} or e.name = ${nameOrId}`);
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
  const rows = await db.query<Row>(sql`
    select e.id, e.name, e.version, r.url, v.branch, v.publish, v.limits, v.network, v.token_secret, e.created_by, e.created_at, e.updated_at
    from environment e join environment_version v on v.environment_id = e.id and v.version = e.version join repository r on r.id = v.repository_id
    where e.name > ${after} order by e.name limit ${limit}`);
  return rows.map(fromRow);
}

/** `sealedToken`: undefined keeps the one of the version before, null forgets it. */
export type EnvironmentDraft = { spec: EnvironmentSpec; sealedToken: Buffer | null | undefined; by: string; byAdministrator: boolean };

export function addEnvironment(db: Db, name: string, draft: EnvironmentDraft): Promise<Environment> {
  return db.transaction((tx) => insertEnvironment(tx, name, draft));
}

/** addEnvironment as a part of the caller's transaction. */
export async function insertEnvironment(tx: Queries, name: string, draft: EnvironmentDraft): Promise<Environment> {
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

/** Stores the whole next version. */
export async function changeEnvironment(db: Db, id: string, from: number, draft: EnvironmentDraft): Promise<Environment> {
  return db.transaction(async (tx) => {
    const changed = await tx.query(
      sql`update environment set version = version + 1, updated_at = now() where id = ${id} and version = ${from} returning id`,
    );
    if (changed.length === 0)
      throw new UserError("conflict", "somebody changed the environment at the same time: look at it and try again");
    await addVersion(tx, id, from + 1, draft);
    return getEnvironment(tx, id);
  });
}

async function addVersion(
  tx: Queries,
  id: string,
  version: number,
  { spec, sealedToken, by, byAdministrator }: EnvironmentDraft,
): Promise<void> {
  await tx.query(sql`insert into repository (id, url) values (${newId("repo")}, ${spec.repository}) on conflict (url) do nothing`);
  const token = sealedToken ? await addSecret(tx, sealedToken, by) : null;
  await tx.query(sql`
    insert into environment_version (environment_id, version, repository_id, branch, publish, limits, network, token_secret, by_administrator, created_by)
    select ${id}, ${version}::int, r.id, ${spec.branch}, ${spec.publish}, ${JSON.stringify(spec.limits)}::jsonb, ${JSON.stringify(spec.network)}::jsonb,
      case when ${sealedToken === undefined} then (select token_secret from environment_version where environment_id = ${id} and version = ${version}::int - 1) else ${token}::text end,
      ${byAdministrator}, ${by}
    from repository r where r.url = ${spec.repository}`);
}

/** What a run needs of the version that its task began with. */
export type RunEnvironment = {
  id: string;
  version: number;
  name: string;
  owner: number;
  spec: EnvironmentSpec;
  repositoryId: string;
  sealedToken: Buffer | null;
  byAdministrator: boolean;
};

export async function environmentOfTask(db: Queries, taskId: string): Promise<RunEnvironment> {
  const [row] = await db.query<Row & { owner: number; repository_id: string; sealed: Buffer | null; by_administrator: boolean }>(sql`
    select e.id, e.name, v.version, e.owner, r.url, r.id as repository_id, v.branch, v.publish, v.limits, v.network, s.sealed, v.by_administrator
    from task t join environment e on e.id = t.environment_id
      join environment_version v on v.environment_id = e.id and v.version = t.environment_version
      join repository r on r.id = v.repository_id left join secret s on s.id = v.token_secret
    where t.id = ${taskId}`);
  if (!row) throw new Error(`task ${taskId} has no environment`);
  const spec = EnvironmentSpec.parse({
    repository: row.url,
    branch: row.branch,
    publish: row.publish,
    limits: { ...DEFAULT_LIMITS, ...row.limits },
    network: row.network,
  });
  return {
    id: row.id,
    version: row.version,
    name: row.name,
    owner: row.owner,
    spec,
    repositoryId: row.repository_id,
    sealedToken: row.sealed,
    byAdministrator: row.by_administrator,
  };
}
