import { type Db, type Queries, sql } from "./db.ts";
import { EVENT_VERSION } from "./event-versions.ts";

/** After how many days what is old goes. */
export type KeepDays = { outputs: number; checkpoints: number; archived: number; mirrors: number; audit: number };

/** What was removed; the bytes are those of stored outputs, patches and checkpoints. */
export type Removed = { what: string; count: number; bytes: number };

/** Small enough that nobody waits long for what one statement holds. */
const AT_ONCE = 50;
/** What nobody comes back to after these days. */
const PASSING_DAYS = { idempotency: 7, unfinished: 1, asked: 1, expired: 30 };

const ENDED = "('succeeded', 'failed', 'cancelled')";
/** For `t`: nothing of it waits, runs or is about to be published. */
const IDLE = `not exists (select from attempt a where a.task_id = t.id and a.state not in ${ENDED})
  and not exists (select from publication p where p.task_id = t.id and p.state in ('asked', 'publishing'))`;

/** Removes what is older than it has to be kept, in small pieces, until the signal. Several may do it at once; what is in use stays. */
export async function removeOld(db: Db, keep: KeepDays, signal: AbortSignal): Promise<Removed[]> {
  const jobs: (() => Promise<Removed>)[] = [
    () => bytesOf("outputs", db, OLD_OUTPUTS, keep.outputs, signal),
    () => tasks("working trees of tasks", db, OLD_CHECKPOINTS, keep.checkpoints, forgetTrees, signal),
    () => tasks("commands of archived tasks", db, OLD_ARCHIVED, keep.archived, trim, signal),
    () => rows("unfinished outputs", db, unfinishedBlobs()),
    () => rows("working trees that nothing stands on", db, looseCheckpoints()),
    () => rows("tests of a setup", db, oldSetupTests()),
    () => rows("idempotency keys", db, olderThan("idempotency", "created_at", PASSING_DAYS.idempotency)),
    () => rows("answered questions about repositories", db, olderThan("probe", "asked_at", PASSING_DAYS.asked)),
    () => rows("answered trials of models", db, olderThan("model_trial", "asked_at", PASSING_DAYS.asked)),
    ...["login_link", "invitation", "session", "verification"].map(
      (table) => () => rows(`expired ${table.replace("_", " ")}s`, db, olderThan(table, "expires_at", PASSING_DAYS.expired)),
    ),
    () => rows("audit records", db, olderThan("audit", "at", keep.audit)),
    () => rows("records of workers", db, olderThan("worker", "seen_at", PASSING_DAYS.expired)),
  ];
  const removed: Removed[] = [];
  for (const job of jobs) {
    signal.throwIfAborted();
    removed.push(await job());
  }
  return removed.filter(({ count }) => count > 0);
}

const OLD_OUTPUTS = `select b.id from blob b join task t on t.id = b.task_id
  where b.kind = 'output' and b.bytes is not null and b.removed_at is null and b.created_at < now() - $1 * interval '1 day' and ${IDLE}
  order by b.created_at limit ${AT_ONCE} for update of b skip locked`;

const OLD_CHECKPOINTS = `select t.id from task t
  where t.updated_at < now() - $1 * interval '1 day' and ${IDLE}
    and exists (select from blob b where b.task_id = t.id and b.kind = 'checkpoint' and b.removed_at is null)
  order by t.updated_at limit 1 for update of t skip locked`;

const OLD_ARCHIVED = `select t.id from task t
  where t.archived_at < now() - $1 * interval '1 day' and (t.trimmed_at is null or t.trimmed_at < t.archived_at) and ${IDLE}
  order by t.archived_at limit 1 for update of t skip locked`;

/** Text only, not values: table and column are ours. */
const olderThan = (table: string, column: string, days: number): string =>
  `with gone as (delete from ${table} where ${column} < now() - ${days} * interval '1 day' returning 1) select count(*)::int as count, 0 as bytes from gone`;

const unfinishedBlobs = (): string => `
  with gone as (delete from blob b using task t where t.id = b.task_id and b.bytes is null
    and b.created_at < now() - ${PASSING_DAYS.unfinished} * interval '1 day' and ${IDLE} returning 1)
  select count(*)::int as count, 0 as bytes from gone`;

/** Left by a run that ended between storing a pack and noting it, or noted it and was gone back behind; or between giving it up and removing its bytes. */
const looseCheckpoints = (): string => `
  with gone as (delete from blob b using task t where t.id = b.task_id and b.kind = 'checkpoint' and b.bytes is not null
    and (b.removed_at is null or exists (select from blob_chunk where blob_id = b.id)) and b.created_at < now() - ${PASSING_DAYS.unfinished} * interval '1 day' and ${IDLE}
    and not exists (select from checkpoint c cross join unnest(c.packs) as pack where pack = b.id) returning b.bytes)
  select count(*)::int as count, coalesce(sum(bytes), 0)::float8 as bytes from gone`;

const oldSetupTests = (): string => `
  with gone as (delete from task t where t.kind = 'setup-test' and t.created_at < now() - ${PASSING_DAYS.expired} * interval '1 day' and ${IDLE} returning 1)
  select count(*)::int as count, 0 as bytes from gone`;

/** The bytes of these blobs go; their rows stay and say so. */
const removeBytes = (ids: string): string => `
  with old as (${ids}), chunks as (delete from blob_chunk c using old where c.blob_id = old.id),
    gone as (update blob b set removed_at = now() from old where b.id = old.id returning b.bytes)
  select count(*)::int as count, coalesce(sum(bytes), 0)::float8 as bytes from gone`;

type Count = { count: number; bytes: number };
const counted = async (db: Queries, text: string, values: unknown[] = []): Promise<Count> =>
  (await db.query<Count>({ text, values }))[0] ?? { count: 0, bytes: 0 };

async function rows(what: string, db: Queries, text: string): Promise<Removed> {
  return { what, ...(await counted(db, text)) };
}

async function bytesOf(what: string, db: Queries, ids: string, days: number, signal: AbortSignal): Promise<Removed> {
  const all = { what, count: 0, bytes: 0 };
  for (;;) {
    signal.throwIfAborted();
    const { count, bytes } = await counted(db, removeBytes(ids), [days]);
    if (count === 0) return all;
    all.count += count;
    all.bytes += bytes;
  }
}

/** One task after another, each in a transaction that holds it: so nobody begins a turn of it meanwhile. */
async function tasks(
  what: string,
  db: Db,
  next: string,
  days: number,
  work: (tx: Queries, taskId: string) => Promise<number>,
  signal: AbortSignal,
): Promise<Removed> {
  const all = { what, count: 0, bytes: 0 };
  for (;;) {
    signal.throwIfAborted();
    const bytes = await db.transaction(async (tx) => {
      const [task] = await tx.query<{ id: string }>({ text: next, values: [days] });
      return task ? work(tx, task.id) : null;
    });
    if (bytes === null) return all;
    all.count += 1;
    all.bytes += bytes;
  }
}

async function forgetTrees(tx: Queries, taskId: string): Promise<number> {
  await tx.query(
    sql`update checkpoint set tree = null, packs = '{}' where attempt_id in (select id from attempt where task_id = ${taskId})`,
  );
  return (await counted(tx, removeBytes("select id from blob where task_id = $1 and kind = 'checkpoint' and removed_at is null"), [taskId]))
    .bytes;
}

/** Commands, what they printed and what they reached go; the events that told of them stay as places, since their numbers have no gaps. */
async function trim(tx: Queries, taskId: string): Promise<number> {
  await tx.query(sql`
    update event set body = '{"type": "event.removed"}', version = ${EVENT_VERSION}
    where task_id = ${taskId} and attempt is not null and body ->> 'type' ~ '^(tool|setup|network)[.]|^phase[.]progress$'`);
  await tx.query(sql`delete from conversation where attempt_id in (select id from attempt where task_id = ${taskId})`);
  const trees = await forgetTrees(tx, taskId);
  const outputs = await counted(
    tx,
    removeBytes("select id from blob where task_id = $1 and kind = 'output' and bytes is not null and removed_at is null"),
    [taskId],
  );
  await tx.query(sql`update task set trimmed_at = now() where id = ${taskId}`);
  return trees + outputs.bytes;
}

/** Whether a repository's mirror is to be kept: a task of it is under way, or was within these days. */
export async function isRepositoryUsed(db: Queries, repositoryId: string, days: number): Promise<boolean> {
  const used = await db.query({
    text: `select 1 from task t join environment_version v on v.environment_id = t.environment_id and v.version = t.environment_version
      where v.repository_id = $1 and (t.updated_at > now() - $2 * interval '1 day' or not (${IDLE})) limit 1`,
    values: [repositoryId, days],
  });
  return used.length > 0;
}
