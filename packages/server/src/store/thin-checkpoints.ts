import { lastTree } from "./checkpoints.ts";
import { type Db, type Queries, sql } from "./db.ts";
import { lastAttempts } from "./turns.ts";

/**
 * Removes the oldest checkpoints of a task until its packs take no more than `maxBytes`. A line of checkpoints, which stand one on the other's packs, goes as
 * a whole; never one that an attempt of the last turn goes on from, or began with. The rows of those that went say so, so that none before them takes their
 * place. Others may do it, and save, at the same time. The result: the bytes that went.
 */
export async function thinCheckpoints(db: Db, taskId: string, maxBytes: number): Promise<number> {
  if ((await bytesKept(db, taskId)) <= maxBytes) return 0;
  const gone = await db.transaction(async (tx) => {
    await lastAttempts(tx, taskId); // so that no turn is opened meanwhile, and nothing noted
    let excess = (await bytesKept(tx, taskId)) - maxBytes; // another may have been here
    const needed = await neededLines(tx, taskId);
    const lines = await tx.query<{ line: string; packs: string[]; bytes: number }>(sql`
      select line, array_agg(b.id) as packs, sum(b.bytes)::bigint as bytes from (
        select c.packs[1] as line, max(c.created_at) as at, array_agg(distinct pack) as packs from checkpoint c
          join attempt a on a.id = c.attempt_id cross join unnest(c.packs) as pack where a.task_id = ${taskId} group by 1) l
        join blob b on b.id = any(l.packs) group by line, at order by at`);
    const dropped = lines.filter(({ line, bytes }) => {
      if (excess <= 0 || needed.has(line)) return false;
      excess -= bytes;
      return true;
    });
    await tx.query(sql`
      update checkpoint set tree = null, packs = '{}' where packs[1] = any(${dropped.map(({ line }) => line)}::text[])
        and attempt_id in (select id from attempt where task_id = ${taskId})`);
    await tx.query(sql`update blob set removed_at = now() where id = any(${dropped.flatMap(({ packs }) => packs)}::text[])`);
    return dropped;
  });
  for (const id of gone.flatMap(({ packs }) => packs)) await db.query(sql`delete from blob where id = ${id}`); // many bytes, and nobody can name them any more
  return gone.reduce((sum, { bytes }) => sum + bytes, 0);
}

async function bytesKept(db: Queries, taskId: string): Promise<number> {
  const [all] = await db.query<{ bytes: number }>(
    sql`select coalesce(sum(bytes), 0)::bigint as bytes from blob where task_id = ${taskId} and kind = 'checkpoint' and removed_at is null`,
  );
  return all?.bytes ?? 0;
}

/** The first packs of what the attempts of the last turn go on from, and of what they began with. */
async function neededLines(tx: Queries, taskId: string): Promise<Set<string>> {
  const attempts = await tx.query<{ follows: string | null; until: number | null; packs: string[] | null }>(sql`
    select follows, follows_until as until, (select packs from checkpoint where attempt_id = a.id and tree is not null order by number desc limit 1) as packs
    from attempt a where task_id = ${taskId} and turn = (select max(number) from turn where task_id = ${taskId})`);
  const needed = new Set(attempts.flatMap(({ packs }) => packs?.[0] ?? []));
  const [first] = attempts; // all attempts of a turn begin alike
  if (first?.follows) {
    const begun = await lastTree(tx, first.follows, first.until);
    if (begun !== null && begun !== "lost" && begun.packs[0]) needed.add(begun.packs[0]);
  }
  return needed;
}
