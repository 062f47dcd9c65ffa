import type { UsageBy, UsageRow, User } from "@farhand/protocol";
import { type Queries, sql } from "./db.ts";

/** Newest or largest first; what is beyond is in the total only. */
export const MOST_ROWS = 1000;

const TASK = "json_build_object('id', t.id, 'title', t.title) as task";
const ATTEMPT = `${TASK}, a.turn, a.number as attempt`;
/** What a row says, what it is added up by, and in which order rows come. */
const VIEWS: Record<UsageBy, { columns: string; group: string; order: string }> = {
  day: { columns: "to_char(u.at at time zone 'UTC', 'YYYY-MM-DD') as day", group: "1", order: "day desc" },
  user: {
    columns: "json_build_object('id', p.id, 'name', p.name) as user",
    group: "p.id",
    order: '"costUsd" desc nulls last, requests desc',
  },
  model: { columns: "u.model", group: "u.model", order: '"costUsd" desc nulls last, requests desc' },
  task: { columns: TASK, group: "t.id", order: "max(u.at) desc" },
  turn: { columns: `${TASK}, a.turn`, group: "t.id, a.turn", order: "max(u.at) desc" },
  attempt: { columns: ATTEMPT, group: "t.id, a.id", order: "max(u.at) desc" },
  request: {
    columns: `${ATTEMPT}, u.run, u.step, u.model, to_char(u.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as at`,
    group: "t.id, a.id, u.attempt_id, u.run, u.step",
    order: "max(u.at) desc",
  },
};

const sums = `
  count(*)::int as requests, sum(u.input_tokens)::bigint as "inputTokens", sum(u.cached_tokens)::bigint as "cachedTokens",
  sum(u.output_tokens)::bigint as "outputTokens", sum(u.reasoning_tokens)::bigint as "reasoningTokens", sum(u.cost_usd) as "costUsd",
  (count(*) filter (where u.cost_usd is null))::int as unpriced`;

/** Whose and which: members see their own, administrators all. Days are UTC, both included. */
export type UsageWish = { from: string; to: string; task: string | null };

export async function usage(db: Queries, user: User, by: UsageBy, wish: UsageWish): Promise<{ rows: UsageRow[]; total: UsageRow }> {
  const from = `
    from usage u join attempt a on a.id = u.attempt_id join task t on t.id = u.task_id join users p on p.id = u.user_id
    where ($1 or u.user_id = $2) and u.at >= ($3::date)::timestamp at time zone 'UTC' and u.at < ($4::date + 1)::timestamp at time zone 'UTC' and ($5::text is null or u.task_id = $5)`;
  const values = [user.role === "administrator", user.id, wish.from, wish.to, wish.task];
  const { columns, group, order } = VIEWS[by];
  const rows = await db.query<UsageRow>({
    text: `select ${columns}, ${sums} ${from} group by ${group}${by === "request" ? ", u.model, u.at" : ""} order by ${order} limit ${MOST_ROWS}`,
    values,
  });
  const [total] = await db.query<UsageRow>({ text: `select ${sums} ${from}`, values });
  if (!total) throw new Error("a sum has one row");
  return { rows, total };
}

/** The day that a task was made on. */
export async function dayOfTask(db: Queries, task: string): Promise<string | null> {
  const [row] = await db.query<{ day: string }>(
    sql`select to_char(created_at at time zone 'UTC', 'YYYY-MM-DD') as day from task where id = ${task}`,
  );
  return row?.day ?? null;
}
