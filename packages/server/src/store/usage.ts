import { type Queries, sql } from "./db.ts";
import type { Lease } from "./leases.ts";

/** What the runs of an attempt before this one have used: of what providers said, and the time of their agent phases. */
export async function usedBefore(db: Queries, lease: Lease): Promise<{ tokens: number; costUsd: number; ms: number }> {
  const [used] = await db.query<{ tokens: number; costUsd: number; ms: number }>(sql`
    select coalesce(sum(coalesce(input_tokens, 0) + coalesce(output_tokens, 0)), 0)::bigint as tokens, coalesce(sum(cost_usd), 0) as "costUsd",
      (select coalesce(sum(extract(epoch from ended - started) * 1000), 0)::bigint from (
        select min(at) filter (where body ->> 'type' = 'phase.started' and body ->> 'phase' = 'agent') as started,
          max(at) filter (where body ->> 'type' <> 'run.interrupted') as ended
        from event where task_id = ${lease.taskId} and turn = ${lease.turn} and attempt = ${lease.attempt} and run < ${lease.run} group by run) of_run) as ms
    from usage where attempt_id = ${lease.attemptId}`);
  return used ?? { tokens: 0, costUsd: 0, ms: 0 };
}
