import type { EventBody } from "@farhand/protocol";
import type { Checkpoint, SavedTree } from "../domain/checkpoint.ts";
import { type Queries, sql } from "./db.ts";

/** Adds to an attempt's checkpoints, in the transaction of the events that it belongs to, after them. */
export async function insertCheckpoint(tx: Queries, attempt: { taskId: string; attemptId: string }, checkpoint: Checkpoint): Promise<void> {
  const { tree, packs } = "lost" in checkpoint ? { tree: null, packs: [] } : checkpoint;
  await tx.query(sql`
    insert into checkpoint (attempt_id, number, seq, tree, packs)
    select ${attempt.attemptId}, coalesce((select max(number) from checkpoint where attempt_id = ${attempt.attemptId}), 0) + 1, last_seq, ${tree}, ${packs}::text[]
    from task where id = ${attempt.taskId}`);
}

/** Where a later run of an attempt can go on. */
export type ResumePoint = {
  /** The tree to go on with; null = the one that the attempt began with. */
  tree: SavedTree | null;
  /** The last event that still counts. Messages and checkpoints after it must go. */
  keptUntil: number;
  /** Whether work after it is lost, since its tree could not be saved. */
  isCutShort: boolean;
  /** How many steps the attempt has taken, whether they count or not. */
  steps: number;
  /** The end of the engine's work, where the attempt came so far. */
  stopped: Extract<EventBody, { type: "engine.stopped" }> | null;
};

/**
 * The end of the conversation, with the tree of the last checkpoint: nothing has changed the tree in between. But where the last tree could not
 * be saved, the last checkpoint that could, and what was said until then.
 */
export async function resumePoint(
  db: Queries,
  attempt: { taskId: string; attemptId: string; turn: number; attempt: number },
): Promise<ResumePoint> {
  const { attemptId } = attempt;
  const [row] = await db.query<{
    tree: string | null;
    packs: string[] | null;
    seq: number;
    said: number;
    lost: boolean;
    steps: number;
  }>(sql`
    with last as (select * from checkpoint where attempt_id = ${attemptId} order by number desc limit 1),
      good as (select * from checkpoint where attempt_id = ${attemptId} and tree is not null order by number desc limit 1)
    select (select tree from good) as tree, (select packs from good) as packs, coalesce((select seq from good), 0) as seq,
      exists (select from last where tree is null) as lost,
      coalesce((select max(seq) from conversation where attempt_id = ${attemptId}), 0) as said,
      coalesce((select max(step) from usage where attempt_id = ${attemptId}), 0) as steps`);
  if (!row) throw new Error("a select without a table has one row");
  const keptUntil = row.lost ? row.seq : Math.max(row.seq, row.said);
  const [end] = await db.query<{ body: NonNullable<ResumePoint["stopped"]> }>(sql`
    select body from event where task_id = ${attempt.taskId} and turn = ${attempt.turn} and attempt = ${attempt.attempt}
      and seq <= ${keptUntil} and body ->> 'type' = 'engine.stopped'
      and (body ->> 'reason' <> 'asks' or seq >= ${row.said}) order by seq desc limit 1`); // a question that was answered is no end
  const tree = row.tree === null ? null : { tree: row.tree, packs: row.packs ?? [] };
  return { tree, keptUntil, isCutShort: row.lost, steps: row.steps, stopped: end?.body ?? null };
}

/**
 * What an attempt that has ended left in the tree; where it ended before it had one, what the attempt that it follows left, and
 * so where it only answered. null = they changed
 * nothing; "lost" = the last of it was not saved, as of attempts that ended before there were checkpoints. `until`: as it was when this event was stored.
 */
export async function lastTree(db: Queries, attemptId: string, until: number | null = null): Promise<SavedTree | "lost" | null> {
  const [row] = await db.query<{ tree: string | null; packs: string[] }>(sql`
    with recursive line as (
      select id, follows, follows_until, ${until}::int as until, 0 as back from attempt where id = ${attemptId}
      union all
      select a.id, a.follows, a.follows_until, line.follows_until, line.back + 1 from attempt a join line on a.id = line.follows)
    select c.tree, coalesce(c.packs, '{}') as packs from line join attempt a on a.id = line.id join task t on t.id = a.task_id
      join turn n on n.task_id = a.task_id and n.number = a.turn left join checkpoint c on c.attempt_id = line.id and (line.until is null or c.seq <= line.until)
    where coalesce(n.mode, t.mode) = 'code' and (c.number is not null or line.until is not null or (a.stats ->> 'files')::int > 0) order by line.back, c.number desc limit 1`);
  if (!row) return null;
  return row.tree === null ? "lost" : { tree: row.tree, packs: row.packs };
}

/**
 * The steps of an attempt that can be gone back to, since the working tree after them is still stored; `until`: the event with the last result of their calls.
 */
export async function stepsKept(
  db: Queries,
  taskId: string,
  attempt: { id: string; turn: number; number: number },
): Promise<{ step: number; until: number }[]> {
  return db.query(sql`
    with step as (
      select (body ->> 'step')::int as step, seq as began, lead(seq) over (order by seq) as next from event
      where task_id = ${taskId} and turn = ${attempt.turn} and attempt = ${attempt.number} and body ->> 'type' = 'step.started'),
    done as (
      select step.step, step.began, max(m.seq) as until from step join conversation m on m.attempt_id = ${attempt.id} and m.message ->> 'role' = 'tool'
        and m.seq > step.began and (step.next is null or m.seq < step.next) group by step.step, step.began)
    select done.step, done.until from done cross join lateral (
      select tree from checkpoint where attempt_id = ${attempt.id} and seq > done.began and seq <= done.until order by number desc limit 1) c
    where c.tree is not null order by done.step`);
}

/** Forgets what came after an event that a resume goes back to. */
export async function forgetAfter(tx: Queries, attemptId: string, seq: number): Promise<void> {
  await tx.query(sql`delete from conversation where attempt_id = ${attemptId} and seq > ${seq}`);
  await tx.query(sql`delete from checkpoint where attempt_id = ${attemptId} and seq > ${seq}`);
}
