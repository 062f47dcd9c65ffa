import type { Effort, EventBody, Mode, TaskKind, TurnLimits } from "@farhand/protocol";
import { type CrashPoint, crashAt } from "../crash.ts";
import type { Checkpoint } from "../domain/checkpoint.ts";
import { afterRun, type Outcome } from "../domain/outcome.ts";
import { forgetAfter, insertCheckpoint } from "./checkpoints.ts";
import { appendMessages, type StoredMessage } from "./conversation.ts";
import { clean, type Db, type Queries, sql } from "./db.ts";
import { appendEvents } from "./event-log.ts";
import { publishByPolicy } from "./publications.ts";
import { waitingReplies } from "./replies.ts";
import { retitle } from "./titles.ts";
import { openTurn } from "./turns.ts";

/** The right to run one attempt; the run number fences every write. */
export type Lease = {
  taskId: string;
  kind: TaskKind;
  attemptId: string;
  attempt: number;
  run: number;
  turn: number;
  userId: string;
  prompt: string;
  model: string;
  /** null = as the provider sees fit. */
  effort: Effort | null;
  mode: Mode;
  ref: string | null;
  title: string;
  /** What the turn's own request allows. */
  limits: TurnLimits;
  /** The attempt of an earlier turn on whose result this one stands. */
  follows: string | null;
  /** The number of its last event that counts for this one; null = all of it. */
  followsUntil: number | null;
  /** The commit that the changes of this attempt, or of the one that it follows, are relative to; null = not chosen yet. */
  base: string | null;
  /** Whom the agent's own commits name. */
  author: { name: string; email: string };
};

export type ClaimLimits = { maxRuns: number; maxRunsPerUser: number; maxRunsPerWorker: number };

/** A later run of this attempt exists, or it has ended: this one may change nothing any more. */
export class LeaseLost extends Error {
  override readonly name = "LeaseLost";
}

/** Claims are made one after another, so that the limits hold exactly. */
const CLAIM_LOCK = 7_420_002;

/**
 * Takes the next attempt: first one whose worker was lost, else by priority and age. null = none may start now.
 * A lost attempt keeps its place within the limits, since it still counts as running. One lost too often fails instead, and null is returned.
 * `held` = attempts that this worker drives at the moment, and so are not lost. After the database itself was away, everybody has one lease's
 * time to renew before anything counts as lost.
 */
export async function claim(
  db: Db,
  worker: string,
  leaseMs: number,
  limits: ClaimLimits,
  held: readonly string[] = [],
): Promise<Lease | null> {
  for (;;) {
    const claimed = await db.transaction((tx) => claimNext(tx, worker, leaseMs, limits, held));
    if (claimed !== "changed") return claimed;
  }
}

/**
 * "changed" = what was to be taken was changed in that moment. Then the transaction has to end: it holds that attempt, and the next might be of the same task,
 * whose attempts everybody takes in their order.
 */
async function claimNext(
  tx: Queries,
  worker: string,
  leaseMs: number,
  limits: ClaimLimits,
  held: readonly string[],
): Promise<Lease | "changed" | null> {
  await tx.query(sql`select pg_advisory_xact_lock(${CLAIM_LOCK})`);
  const lost = await lostRun(tx, leaseMs, held);
  const id = lost?.id ?? (await nextQueued(tx, worker, limits));
  if (id === null) return null;
  const [locked] = await tx.query(sql`
    select id from attempt where id = ${id} and state = ${lost ? "running" : "queued"} and coalesce(leased_until < now(), true) for no key update`);
  if (!locked) return "changed";
  if (lost && !(await requeue(tx, lost))) return null;
  await tx.query(sql`
    update attempt set state = 'running', run = run + 1, runs_in_vain = runs_in_vain + 1, worker = ${worker}, phase = null, appended = 0, leased_until = now() + ${leaseMs} * interval '1 millisecond', began_at = now()
    where id = ${id}`);
  const lease = await leaseOf(tx, id);
  await appendEvents(tx, lease.taskId, lease, [{ type: "run.started", worker }]);
  crashAt("claim: committing");
  return lease;
}

type Lost = { id: string; worker: string };

/** An attempt whose lease has run out. */
async function lostRun(tx: Queries, leaseMs: number, held: readonly string[]): Promise<Lost | null> {
  const [lost] = await tx.query<Lost>(sql`
    select id, worker from attempt
    where state = 'running' and leased_until < now() and id <> all(${held}::text[])
      and pg_postmaster_start_time() < now() - ${leaseMs} * interval '1 millisecond'
    order by leased_until limit 1`);
  return lost ?? null;
}

/** Ends its run. The result: whether it is to run again. */
async function requeue(tx: Queries, { id, worker }: Lost): Promise<boolean> {
  await end(tx, await leaseOf(tx, id), { kind: "worker-lost", detail: `worker ${worker} was lost` });
  const queued = await tx.query(sql`select id from attempt where id = ${id} and state = 'queued'`);
  return queued.length > 0;
}

/** After a crash of this worker its attempts need not wait for their leases to run out: they are queued again. */
export async function giveBackRuns(db: Db, worker: string): Promise<void> {
  await db.transaction(async (tx) => {
    const lost = await tx.query<{ id: string }>(
      sql`select id from attempt where state = 'running' and worker = ${worker} order by task_id, turn, number for no key update`,
    );
    for (const { id } of lost) await end(tx, await leaseOf(tx, id), { kind: "worker-lost", detail: `worker ${worker} was started again` });
  });
}

/** For so long after it was queued, what follows on a sandbox that a worker keeps is left to that worker; then it is anybody's. */
const LEFT_TO_KEEPER = "5 seconds";

async function nextQueued(tx: Queries, worker: string, limits: ClaimLimits): Promise<string | null> {
  const [next] = await tx.query<{ id: string }>(sql`
    with running as (select user_id, worker from attempt where state = 'running')
    select id from attempt a where state = 'queued'
      and (select count(*) from running) < ${limits.maxRuns}::int
      and (select count(*) from running where worker = ${worker}) < ${limits.maxRunsPerWorker}::int
      and user_id not in (select user_id from running group by user_id having count(*) >= ${limits.maxRunsPerUser}::int)
      and not (a.queued_at > now() - ${LEFT_TO_KEEPER}::interval and exists (select from attempt k
        where k.id in (a.id, a.follows) and k.kept_by <> ${worker} and k.kept_until > now()))
    order by priority desc, queued_at, id limit 1`);
  return next?.id ?? null;
}

async function leaseOf(tx: Queries, attemptId: string): Promise<Lease> {
  const [lease] = await tx.query<Lease>(sql`
    select a.task_id as "taskId", a.id as "attemptId", a.number as attempt, a.run, a.turn, a.user_id as "userId", n.prompt, n.limits, coalesce(n.model, t.model) as model, n.effort, coalesce(n.mode, t.mode) as mode, t.ref, t.title, t.kind, a.follows, a.follows_until as "followsUntil",
      coalesce(a.base_commit, before.base_commit, t.base_commit) as base,
      json_build_object('name', u.name, 'email', u.email) as author
    from attempt a join task t on t.id = a.task_id join turn n on n.task_id = a.task_id and n.number = a.turn join users u on u.id = a.user_id
      left join attempt before on before.id = a.follows where a.id = ${attemptId}`);
  if (!lease) throw new Error(`attempt ${attemptId} is gone`);
  return lease;
}

/** "stop-requested": still held; the work is to end, and what was done is kept. */
export type Renewal = "held" | "lost" | "cancel-requested" | "stop-requested";

/** Prolongs the lease while the run number is still ours, even after it expired: the database may have been away. */
export async function renew(db: Queries, lease: Lease, leaseMs: number): Promise<Renewal> {
  const [row] = await db.query<{ cancel_requested: boolean; stop_requested: boolean }>(sql`
    update attempt set leased_until = now() + ${leaseMs} * interval '1 millisecond'
    where id = ${lease.attemptId} and run = ${lease.run} and state = 'running' returning cancel_requested, stop_requested`);
  if (!row) return "lost";
  if (row.cancel_requested) return "cancel-requested";
  return row.stop_requested ? "stop-requested" : "held";
}

/**
 * Stores events of a run, and with them what the model was told and said, and the tree as it is then. `offset` = how many events this run has stored before: so a repeat after
 * a lost answer changes nothing.
 * A phase that starts, and the usage of a finished step, are stored with the event that tells of them. Throws LeaseLost.
 */
export async function appendRunEvents(
  db: Db,
  lease: Lease,
  offset: number,
  bodies: readonly EventBody[],
  messages: readonly StoredMessage[] = [],
  checkpoint: Checkpoint | null = null,
): Promise<void> {
  await db.transaction(async (tx) => {
    const gotOn = bodies.some((body) => body.type === "tool.finished");
    const phase = bodies.findLast((body) => body.type === "phase.started")?.phase ?? null;
    const [held] = await tx.query(sql`
      update attempt set appended = appended + ${bodies.length}::int, phase = coalesce(${phase}::text, phase), runs_in_vain = case when ${gotOn} then 0 else runs_in_vain end
      where id = ${lease.attemptId} and run = ${lease.run} and state = 'running' and appended = ${offset} returning id`);
    if (!held) return alreadyStored(tx, lease, offset + bodies.length);
    await appendEvents(tx, lease.taskId, lease, bodies);
    const resumed = bodies.find((body) => body.type === "run.resumed");
    if (resumed) await forgetAfter(tx, lease.attemptId, resumed.keptUntil);
    await appendMessages(tx, lease, messages);
    if (checkpoint) await insertCheckpoint(tx, lease, checkpoint);
    for (const body of bodies) {
      if (body.type === "change.described")
        await tx.query(
          sql`update attempt set change_title = ${clean(body.title)}, change_text = ${clean(body.text)} where id = ${lease.attemptId}`,
        );
      if (body.type === "step.answered" || body.type === "change.described") {
        const { inputTokens, cachedTokens, outputTokens, reasoningTokens, costUsd } = body.usage;
        await tx.query(sql`
          insert into usage (task_id, attempt_id, run, step, user_id, model, input_tokens, cached_tokens, output_tokens, reasoning_tokens, cost_usd)
          values (${lease.taskId}, ${lease.attemptId}, ${lease.run}, ${body.step}, ${lease.userId}, ${lease.model}, ${inputTokens}, ${cachedTokens}, ${outputTokens}, ${reasoningTokens}, ${costUsd})`);
      } else if (body.type === "base.resolved") {
        await tx.query(sql`update task set base_commit = ${body.commit} where id = ${lease.taskId}`);
        await tx.query(sql`update attempt set base_commit = ${body.commit} where id = ${lease.attemptId}`);
      }
    }
    if (gotOn) crashAt("tool.finished: committing");
  });
  for (const { type } of bodies) {
    const point = STORED[type];
    if (point) crashAt(point);
  }
}

/** Says that this worker keeps the sandbox of what it runs, for what follows on it. */
export async function noteKept(db: Queries, lease: Lease, worker: string, keepMs: number): Promise<void> {
  await db.query(sql`
    update attempt set kept_by = ${worker}, kept_until = now() + ${keepMs} * interval '1 millisecond'
    where id = ${lease.attemptId} and run = ${lease.run} and state = 'running'`);
}

/** The first run of a task that knows its commit settles it for all attempts: the answer is the commit to stand on. May be repeated. */
export async function settleBase(db: Queries, taskId: string, commit: string): Promise<string> {
  const [row] = await db.query<{ base_commit: string }>(
    sql`update task set base_commit = coalesce(base_commit, ${commit}) where id = ${taskId} returning base_commit`,
  );
  return row?.base_commit ?? commit;
}

/** Where events of these types have been written. */
const STORED: Partial<Record<EventBody["type"], CrashPoint>> = {
  "base.resolved": "checkout: base stored",
  "run.resumed": "resume: stored",
  "step.started": "step.started: stored",
  "step.answered": "step.answered: stored",
  "tool.started": "tool.started: stored",
  "tool.output": "tool.output: stored",
  "tool.finished": "tool.finished: stored",
  "engine.stopped": "engine.stopped: stored",
};

async function alreadyStored(tx: Queries, lease: Lease, expected: number): Promise<void> {
  const [row] = await tx.query<{ appended: number }>(
    sql`select appended from attempt where id = ${lease.attemptId} and run = ${lease.run} and state = 'running'`,
  );
  if (row?.appended === expected) return;
  throw new LeaseLost(
    row ? `events of run ${lease.run} are out of order` : `run ${lease.run} of ${lease.attemptId} was taken over or has ended`,
  );
}

/** Ends the run: state, event and what follows are stored together. May be repeated after a lost answer. Throws LeaseLost when a later run exists. */
export async function settle(db: Db, lease: Lease, outcome: Outcome): Promise<void> {
  await db.transaction(async (tx) => {
    const [row] = await tx.query<{ run: number; state: string }>(
      sql`select run, state from attempt where id = ${lease.attemptId} for no key update`,
    );
    if (row?.run !== lease.run) throw new LeaseLost(`run ${lease.run} of ${lease.attemptId} was taken over`);
    if (row.state === "running") await end(tx, lease, outcome);
    crashAt("settle: committing");
  });
  crashAt("settle: committed");
}

async function end(tx: Queries, lease: Lease, outcome: Outcome): Promise<void> {
  const [{ runs } = { runs: 0 }] = await tx.query<{ runs: number }>(
    sql`select runs_in_vain as runs from attempt where id = ${lease.attemptId}`,
  );
  const next = afterRun(outcome, runs);
  const reason = next.state === "failed" ? JSON.stringify(next.reason) : null;
  const patch =
    outcome.kind === "succeeded" ? outcome.patch.blob : outcome.kind === "failed" || outcome.kind === "asks" ? outcome.patch : null;
  const stats = "stats" in next ? next.stats && JSON.stringify(next.stats) : null;
  const question = outcome.kind === "asks" ? JSON.stringify(outcome.question) : null;
  const rests = next.state === "queued" || next.state === "awaiting-input";
  await tx.query(sql`
    update attempt set state = ${next.state}, phase = null, worker = null, leased_until = null, reason = ${reason}::jsonb, patch = ${patch}, stats = ${stats}::jsonb, question = ${question}::jsonb,
      stopped = ${next.state === "succeeded" && next.stopped === true}, ended_at = case when ${rests} then null else now() end,
      runs_in_vain = greatest(runs_in_vain - ${outcome.kind === "interrupted" ? 1 : 0}::int, 0), worked_ms = worked_ms + coalesce(extract(epoch from least(now(), leased_until) - began_at) * 1000, 0)::bigint
    where id = ${lease.attemptId}`);
  await appendEvents(tx, lease.taskId, lease, endEvents(outcome, next));
  if (next.state === "succeeded") await retitle(tx, lease.taskId);
  if ("checkpoint" in outcome && outcome.checkpoint) await insertCheckpoint(tx, lease, outcome.checkpoint);
  const goesOn = !rests && (await takeMissedReplies(tx, lease, next.state === "succeeded" && !next.stopped));
  if (!goesOn && next.state === "succeeded") await publishByPolicy(tx, lease.taskId);
  await tx.query(sql`select pg_notify('farhand_queue', '')`);
}

/**
 * What was said too late for the model to be given it. The only attempt of its turn then goes on with it in the next turn, if it is done; else the log
 * says that it came too late. true = the next turn was opened.
 */
async function takeMissedReplies(tx: Queries, lease: Lease, isDone: boolean): Promise<boolean> {
  const missed = await waitingReplies(tx, lease.attemptId);
  const [first] = missed;
  if (!first) return false;
  await appendEvents(
    tx,
    lease.taskId,
    lease,
    missed.map(({ id }) => ({ type: "reply.missed", reply: id })),
  );
  const [attempts] = await tx.query<{ count: number; priority: number }>(
    sql`select count(*)::int as count, max(priority) as priority from attempt where task_id = ${lease.taskId} and turn = ${lease.turn}`,
  );
  if (!isDone || attempts?.count !== 1) return false;
  const before = { id: lease.attemptId, turn: lease.turn, number: lease.attempt, priority: attempts.priority };
  const prompt = missed.map(({ text }) => text).join("\n\n");
  await openTurn(tx, { id: first.byId, name: first.by }, lease.taskId, before, { prompt, attempts: 1 });
  return true;
}

function endEvents(outcome: Outcome, next: ReturnType<typeof afterRun>): EventBody[] {
  const isCutOff = outcome.kind === "interrupted" || outcome.kind === "worker-lost";
  const interrupted: EventBody[] = isCutOff ? [{ type: "run.interrupted", detail: outcome.detail }] : [];
  switch (next.state) {
    case "queued":
      return interrupted;
    case "failed":
      return [
        ...interrupted,
        { type: "attempt.failed", reason: next.reason, patch: outcome.kind === "failed" ? outcome.patch : null, stats: next.stats },
      ];
    case "cancelled":
      return [{ type: "attempt.cancelled" }];
    case "awaiting-input":
      if (outcome.kind !== "asks") throw new Error(`a run that was ${outcome.kind} asks nothing`);
      return [{ type: "attempt.awaiting", question: next.question, options: next.options, patch: outcome.patch, stats: next.stats }];
    case "succeeded":
      if (outcome.kind !== "succeeded") throw new Error(`a run that was ${outcome.kind} cannot succeed`);
      return [
        {
          type: "attempt.succeeded",
          patch: outcome.patch.blob,
          bytes: outcome.patch.bytes,
          stats: outcome.stats,
          ...(outcome.stopped && { stopped: true }),
        },
      ];
  }
}
