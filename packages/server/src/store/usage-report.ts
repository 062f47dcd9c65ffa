import type { UsageBy, UsageRow, User } from "@farhand/protocol";
import { type Queries, sql } from "./db.ts";

/** Newest or largest first; what is beyond is in the total only. */
export const MOST_ROWS = 1000;

const TASK = "json_build_object('id', t.id, 'title', t.title) as task";
const ATTEMPT = `${TASK}, a.turn, a.number as attempt`;
const OF_TASK = "join task t on t.id = u.task_id";
const OF_ATTEMPT = `${OF_TASK} join attempt a on a.id = u.attempt_id`;
const DAY = "(u.at at time zone 'UTC')::date";
const BY_COST = '"costUsd" desc nulls last, requests desc';
const LATEST = "max(u.at) desc";
/** What a row says, of which tables beside `usage u`, what it is added up by, and in which order rows come. */
const VIEWS: Record<UsageBy, { columns: string; joins: string; group: string; order: string }> = {
  day: { columns: `to_char(${DAY}, 'YYYY-MM-DD') as day`, joins: "", group: DAY, order: "day desc" },
  user: {
    columns: "json_build_object('id', p.id, 'name', p.name) as user",
    joins: "join users p on p.id = u.user_id",
    group: "p.id",
    order: BY_COST,
  },
  model: { columns: "u.model", joins: "", group: "u.model", order: BY_COST },
  task: { columns: TASK, joins: OF_TASK, group: "t.id", order: LATEST },
  turn: { columns: `${TASK}, a.turn`, joins: OF_ATTEMPT, group: "t.id, a.turn", order: LATEST },
  attempt: { columns: ATTEMPT, joins: OF_ATTEMPT, group: "t.id, a.id", order: LATEST },
  request: {
    columns: `${ATTEMPT}, u.run, u.step, u.model, to_char(u.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as at`,
    joins: OF_ATTEMPT,
    group: "t.id, a.id, u.attempt_id, u.run, u.step, u.model, u.at",
    order: LATEST,
  },
};

const sums = `
  count(*)::int as requests, sum(u.input_tokens)::bigint as "inputTokens", sum(u.cached_tokens)::bigint as "cachedTokens",
  sum(u.output_tokens)::bigint as "outputTokens", sum(u.reasoning_tokens)::bigint as "reasoningTokens", sum(u.cost_usd) as "costUsd",
  (count(*) filter (where u.cost_usd is null))::int as unpriced`;

/** Whose and which: members see their own, administrators all. Days are UTC, both included. */
export type UsageWish = { from: string; to: string; task: string | null };

export async function usage(db: Queries, user: User, by: UsageBy, wish: UsageWish): Promise<{ rows: UsageRow[]; total: UsageRow }> {
  const within = `($1 or u.user_id = $2) and u.at >= ($3::date)::timestamp at time zone 'UTC' and u.at < ($4::date + 1)::timestamp at time zone 'UTC' and ($5::text is null or u.task_id = $5)`;
  const values = [user.role === "administrator", user.id, wish.from, wish.to, wish.task];
  const { columns, joins, group, order } = VIEWS[by];
  const rows = await db.query<UsageRow>({
    text: `select ${columns}, ${sums} from usage u ${joins} where ${within} group by ${group} order by ${order} limit ${MOST_ROWS}`,
    values,
  });
  if (rows.length < MOST_ROWS) return { rows, total: totalOf(rows) };
  const [total] = await db.query<UsageRow>({ text: `select ${sums} from usage u where ${within}`, values });
  if (!total) throw new Error("a sum has one row");
  return { rows, total };
}

/** What rows come to that leave nothing out; null = unknown in all of them. */
function totalOf(rows: readonly UsageRow[]): UsageRow {
  const sum = (of: (row: UsageRow) => number | null) =>
    rows.map(of).reduce((all, one) => (all === null ? one : one === null ? all : all + one), null);
  return {
    requests: sum((row) => row.requests) ?? 0,
    inputTokens: sum((row) => row.inputTokens),
    cachedTokens: sum((row) => row.cachedTokens),
    outputTokens: sum((row) => row.outputTokens),
    reasoningTokens: sum((row) => row.reasoningTokens),
    costUsd: sum((row) => row.costUsd),
    unpriced: sum((row) => row.unpriced) ?? 0,
  };
}

/** The day that a task was made on. */
export async function dayOfTask(db: Queries, task: string): Promise<string | null> {
  const [row] = await db.query<{ day: string }>(
    sql`select to_char(created_at at time zone 'UTC', 'YYYY-MM-DD') as day from task where id = ${task}`,
  );
  return row?.day ?? null;
}
