import type { Estimate, Mode } from "@farhand/protocol";
import { type Queries, sql } from "./db.ts";

/** The latest tasks of an environment that are looked at: so the answer takes the same time however many there are. */
const LATEST_TASKS = 300;
const MOST_ATTEMPTS = 30;
/** Fewer tell nothing. */
const FEWEST = 3;
/** From so many on, those with the model that is asked about speak alone. */
const ENOUGH_OF_MODEL = 5;

/** What the first turns of an environment's latest tasks took, whoever gave them: of this mode, and of this model where there are enough. null = too few. */
export async function estimate(db: Queries, environmentId: string, mode: Mode, model: string): Promise<Estimate | null> {
  const [row] = await db.query<{ attempts: number; sameModel: boolean; minutes: number[]; priced: number; costs: number[] }>(sql`
    with latest as materialized (
      select id, mode, model, created_at from task where environment_id = ${environmentId} and kind = 'work' order by created_at desc, id desc limit ${LATEST_TASKS}),
    done as (
      select a.id, a.worked_ms, t.created_at, t.model = ${model} as same, count(*) filter (where t.model = ${model}) over () as of_model
      from latest t join attempt a on a.task_id = t.id and a.turn = 1
      where t.mode = ${mode} and a.state = 'succeeded' and not a.stopped and a.worked_ms > 0),
    taken as (select * from done where same or of_model < ${ENOUGH_OF_MODEL} order by created_at desc, id limit ${MOST_ATTEMPTS}),
    priced as (select t.*, (select case when count(*) = count(u.cost_usd) then sum(u.cost_usd) end from usage u where u.attempt_id = t.id) as cost from taken t)
    select count(*)::int as attempts, coalesce(bool_and(same), false) as "sameModel", count(cost)::int as priced,
      percentile_cont(array[0.5, 0.8]) within group (order by worked_ms / 60000.0) as minutes,
      percentile_cont(array[0.5, 0.8]) within group (order by cost) as costs
    from priced`);
  if (!row || row.attempts < FEWEST) return null;
  const { attempts, sameModel, minutes, priced, costs } = row;
  return { attempts, sameModel, minutes: span(minutes), costUsd: priced < FEWEST ? null : span(costs) };
}

const span = ([median = 0, most = 0]: readonly number[]) => ({ median: toThousandth(median), most: toThousandth(most) });
const toThousandth = (value: number) => Math.round(value * 1000) / 1000;
