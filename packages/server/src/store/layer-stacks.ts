import { newId } from "../domain/id.ts";
import type { PartHashes } from "../domain/snapshot.ts";
import { type Queries, sql } from "./db.ts";

/** Sealed layers that stand on one another, on one worker's disk. */
export type Stack = {
  id: string;
  commit: string;
  /** null = for all tasks of the environment. */
  taskId: string | null;
  /** Keys, the topmost first. */
  layers: string[];
  /** What setup left in FARHAND_ENV. */
  variables: Record<string, string>;
};

/** Which stacks are meant: those of one worker, environment and kind that differ in commit and task only. */
export type Shelf = { worker: string; environmentId: string; kind: "tree" | "setup"; family: string };

/** The stack made at this commit, the task's own first; else (`orNear`) the newest that all tasks share. */
export async function findStack(
  db: Queries,
  { worker, environmentId, kind, family }: Shelf,
  wish: { commit: string; taskId: string; orNear: boolean },
): Promise<Stack | null> {
  const [found] = await db.query<Stack>(sql`
    select id, commit, task_id as "taskId", layers, variables from layer_stack
    where worker = ${worker} and environment_id = ${environmentId} and kind = ${kind} and family = ${family}
      and (task_id is null or task_id = ${wish.taskId}) and (commit = ${wish.commit} or (${wish.orNear} and task_id is null))
    order by commit = ${wish.commit} desc, task_id is not null desc, made_at desc limit 1`);
  return found ?? null;
}

/** The oldest that all tasks share: the one with the fewest layers. */
export async function lowestStack(db: Queries, { worker, environmentId, kind, family }: Shelf): Promise<Stack | null> {
  const [found] = await db.query<Stack>(sql`
    select id, commit, task_id as "taskId", layers, variables from layer_stack
    where worker = ${worker} and environment_id = ${environmentId} and kind = ${kind} and family = ${family} and task_id is null
    order by jsonb_array_length(layers), made_at desc limit 1`);
  return found ?? null;
}

/** Keeps a stack whose layers are sealed. One that is there for the same commit and task is replaced. */
export async function keepStack(
  db: Queries,
  shelf: Shelf,
  made: {
    commit: string;
    taskId: string | null;
    layers: readonly string[];
    variables: Readonly<Record<string, string>>;
    parts: PartHashes | null;
    bytes: number | null;
  },
): Promise<Stack> {
  const id = newId("stack");
  const { worker, environmentId, kind, family } = shelf;
  const [kept] = await db.query<Stack>(sql`
    insert into layer_stack (id, worker, environment_id, kind, family, parts, commit, task_id, layers, variables, bytes)
    values (${id}, ${worker}, ${environmentId}, ${kind}, ${family}, ${JSON.stringify(made.parts ?? {})}::jsonb, ${made.commit}, ${made.taskId},
      ${JSON.stringify(made.layers)}::jsonb, ${JSON.stringify(made.variables)}::jsonb, ${made.bytes})
    on conflict (worker, environment_id, kind, family, commit, coalesce(task_id, '')) do update
      set layers = excluded.layers, variables = excluded.variables, bytes = excluded.bytes, parts = excluded.parts, made_at = now(), used_at = now()
    returning id, commit, task_id as "taskId", layers, variables`);
  if (!kept) throw new Error("insert returned no row");
  return kept;
}

/** `hit`: a task needed no setup by it. */
export async function useStack(db: Queries, id: string, hit: boolean): Promise<void> {
  await db.query(sql`update layer_stack set used_at = now(), hits = hits + ${hit ? 1 : 0}::int where id = ${id}`);
}

export async function forgetStack(db: Queries, id: string): Promise<void> {
  await db.query(sql`delete from layer_stack where id = ${id}`);
}

/** What went into the newest one that all tasks share, of any family. */
export async function newestParts(db: Queries, worker: string, environmentId: string): Promise<PartHashes | null> {
  const [row] = await db.query<{ parts: PartHashes }>(sql`
    select parts from layer_stack where worker = ${worker} and environment_id = ${environmentId} and kind = 'setup' and task_id is null
    order by made_at desc limit 1`);
  return row?.parts ?? null;
}

export async function noteMiss(db: Queries, environmentId: string, reason: string): Promise<void> {
  await db.query(sql`update environment set last_miss = ${reason}, last_miss_at = now() where id = ${environmentId}`);
}

/** All of a worker's stacks, the least recently used first. */
export function stacksOf(db: Queries, worker: string): Promise<(Stack & { owner: number })[]> {
  return db.query(sql`
    select l.id, l.commit, l.task_id as "taskId", l.layers, e.owner from layer_stack l join environment e on e.id = l.environment_id
    where l.worker = ${worker} order by l.used_at, l.id`);
}
