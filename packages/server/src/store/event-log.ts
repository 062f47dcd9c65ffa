import type { EventBody, TaskEvent, Writing } from "@farhand/protocol";
import { beingWritten } from "./being-written.ts";
import { clean, type Db, type Queries, sql } from "./db.ts";
import { EVENT_VERSION, readEvent } from "./event-versions.ts";
import { WRITING } from "./writing.ts";

/** What a follower may lag behind before it reads from the table again instead of keeping more in memory. */
const MAX_BEHIND = 1000;
const PAGE = 500;

/** Whose event it is: of one run of one attempt of a turn, or of the task as a whole. */
export type EventOrigin = { turn: number; attempt: number; run: number } | null;

/** Numbers the events within the task and stores them, in the caller's transaction; followers are woken when it commits. */
export async function appendEvents(tx: Queries, taskId: string, origin: EventOrigin, bodies: readonly EventBody[]): Promise<void> {
  await tx.query(sql`
    with numbered as (update task set last_seq = last_seq + ${bodies.length}::int, updated_at = now() where id = ${taskId} returning last_seq - ${bodies.length}::int as before),
      stored as (insert into event (task_id, seq, at, turn, attempt, run, version, body)
        select ${taskId}, numbered.before + one.number, clock_timestamp(), ${origin?.turn ?? null}::int, ${origin?.attempt ?? null}::int, ${origin?.run ?? null}::int,
          ${EVENT_VERSION}::int, one.body
        from numbered, jsonb_array_elements(${JSON.stringify(clean(bodies))}::jsonb) with ordinality as one(body, number))
    select pg_notify('farhand_task', ${taskId})`);
}

/** Events after `after` in their order, at most `limit`. */
export async function readEvents(db: Queries, taskId: string, after: number, limit = PAGE): Promise<TaskEvent[]> {
  const rows = await db.query<{
    seq: number;
    at: Date;
    turn: number | null;
    attempt: number | null;
    run: number | null;
    version: number;
    body: object;
  }>(sql`
    select seq, at, turn, attempt, run, version, body from event where task_id = ${taskId} and seq > ${after} order by seq limit ${limit}`);
  return rows.map(({ at, version, body, ...event }) => ({ task: taskId, ...event, at: at.toISOString(), body: readEvent(version, body) }));
}

type Follower = { queue: TaskEvent[]; wake: () => void };
type Feed = { last: number; reading: boolean; again: boolean; followers: Set<Follower> };

export interface EventFeeds {
  /**
   * All events after `after`, then new ones as they come, until the signal. Never skips, never repeats. One read of the table serves all followers of a task.
   * `onAll` is called once, when all that were stored before have been taken.
   */
  follow(taskId: string, after: number, signal: AbortSignal, onAll?: () => void): AsyncGenerator<TaskEvent, void>;
  /** Called with the id of each task that got an event, and with null when some may have been missed, until the signal. */
  onChange(tell: (taskId: string | null) => void, signal: AbortSignal): void;
  /** Called with what the models of a task have written so far of the replies that they are at, at once, then with each piece until the signal. Some may be missed. */
  onWriting(taskId: string, tell: (writing: Writing) => void, signal: AbortSignal): void;
}

/** Listens from now until the signal. */
export async function eventFeeds(db: Db, signal: AbortSignal, onError: (error: Error) => void): Promise<EventFeeds> {
  const feeds = new Map<string, Feed>();
  const watchers = new Set<(taskId: string | null) => void>();
  const written = beingWritten();
  const readers = new Set<{ taskId: string; tell: (writing: Writing) => void }>();

  async function advance(taskId: string, feed: Feed): Promise<void> {
    feed.again = true;
    if (feed.reading) return;
    feed.reading = true;
    try {
      while (feed.again && feed.followers.size > 0) {
        feed.again = false;
        const events = await readEvents(db, taskId, feed.last);
        feed.last = events.at(-1)?.seq ?? feed.last;
        if (events.length === PAGE) feed.again = true;
        for (const follower of feed.followers) {
          if (follower.queue.length > MAX_BEHIND) follower.queue.length = 0;
          follower.queue.push(...events);
          follower.wake();
        }
      }
    } catch (error) {
      onError(error as Error);
      setTimeout(() => void advance(taskId, feed), 1000).unref();
    } finally {
      feed.reading = false;
    }
  }

  await db.listen(
    "farhand_task",
    (taskId) => {
      for (const tell of watchers) tell(taskId);
      for (const [id, feed] of taskId === null ? feeds : ([[taskId, feeds.get(taskId)]] as const)) if (feed) void advance(id, feed);
    },
    signal,
  );

  await db.listen(
    WRITING,
    (payload) => {
      if (payload === null) return;
      const writing = JSON.parse(payload) as Writing;
      written.take(writing);
      for (const { taskId, tell } of readers) if (taskId === writing.task) tell(writing);
    },
    signal,
  );

  return {
    onWriting(taskId, tell, stop) {
      if (stop.aborted) return;
      for (const reply of written.of(taskId)) tell(reply);
      const reader = { taskId, tell };
      readers.add(reader);
      stop.addEventListener("abort", () => readers.delete(reader), { once: true });
    },
    onChange(tell, stop) {
      if (stop.aborted) return;
      watchers.add(tell);
      stop.addEventListener("abort", () => watchers.delete(tell), { once: true });
    },
    async *follow(taskId, after, stop, onAll) {
      const [task] = await db.query<{ last_seq: number }>(sql`select last_seq from task where id = ${taskId}`);
      const feed = feeds.get(taskId) ?? { last: task?.last_seq ?? 0, reading: false, again: false, followers: new Set<Follower>() };
      feeds.set(taskId, feed);
      let wake = () => {};
      const follower: Follower = { queue: [], wake: () => wake() };
      feed.followers.add(follower);
      const stopped = () => wake();
      stop.addEventListener("abort", stopped);
      let next = after + 1;
      let hasAll = false;
      try {
        let known = await readEvents(db, taskId, after);
        while (!stop.aborted) {
          for (const event of known) {
            if (stop.aborted) return;
            yield event;
            next = event.seq + 1;
          }
          if (known.length === PAGE) {
            known = await readEvents(db, taskId, next - 1);
            continue;
          }
          if (!hasAll) onAll?.();
          hasAll = true;
          if (follower.queue.length === 0 && !stop.aborted) {
            await new Promise<void>((resolve) => {
              wake = resolve;
            });
          }
          const queued = follower.queue.splice(0).filter((event) => event.seq >= next);
          const missed = queued[0] && queued[0].seq > next; // the queue was cut while this follower lagged behind
          known = missed ? await readEvents(db, taskId, next - 1) : queued;
        }
      } finally {
        stop.removeEventListener("abort", stopped);
        feed.followers.delete(follower);
        if (feed.followers.size === 0 && feeds.get(taskId) === feed) feeds.delete(taskId);
      }
    },
  };
}
