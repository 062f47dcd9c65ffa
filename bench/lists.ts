import type { TaskPart, User } from "@farhand/protocol";
import { type Db, sql } from "../packages/server/src/store/db.ts";
import { listTasks } from "../packages/server/src/store/tasks.ts";
import { usage } from "../packages/server/src/store/usage-report.ts";
import { populate } from "../packages/server/src/testing/populate.ts";
import { benchDatabase } from "./database.ts";
import { type Benchmark, type Figure, p50p99, timed } from "./figure.ts";

const SIZES = [10_000, 100_000];
const REQUESTS = 200_000;
const TIMES = 30;
const LIMITS = { maxRuns: 50, maxRunsPerUser: 10 };
const PARTS: readonly TaskPart[] = ["open", "active", "review", "done"];
const ANY = { environment: null, repository: null, person: null, query: null };
const IN_WORDS = (count: number) => count.toLocaleString("en");

export const lists: Benchmark = {
  name: "lists",
  async run(say, signal) {
    await using database = await benchDatabase(say, signal);
    const { db } = database;
    const { user, draft } = await populate(db);
    const figures: Figure[] = [];
    const measure = async (what: string, read: () => Promise<unknown>) => {
      const ms = await timed(TIMES, signal, read);
      figures.push({ what, farhand: p50p99(ms), podman: null, bare: null });
    };
    let there = 0;
    for (const tasks of SIZES) {
      say(`filling up to ${IN_WORDS(tasks)} tasks`);
      await fill(db, user, draft.environment.id, there, tasks);
      there = tasks;
      for (const view of PARTS)
        await measure(`a page of the list, ${view} (${IN_WORDS(tasks)} tasks, of which few are open)`, () =>
          listTasks(db, user, { ...ANY, view }, null, 20, LIMITS),
        );
      if (tasks !== SIZES[0]) continue;
      say(`${IN_WORDS(REQUESTS)} requests to models`);
      await spend(db, user);
      const [from, to] = [-30, 0].map((days) => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10)) as [string, string];
      for (const by of ["day", "user", "task"] as const)
        await measure(`usage of 30 days by ${by} (${IN_WORDS(REQUESTS)} requests in 60 days)`, () =>
          usage(db, user, by, { from, to, task: null }),
        );
    }
    return figures;
  },
};

/** In each 1,000: 1 runs, 1 is to be reviewed, the others are published, failed or cancelled; half of the published ones went on once. */
async function fill(db: Db, user: User, environment: string, from: number, to: number): Promise<void> {
  const range = [from + 1, to];
  const published = "n % 1000 <> 0 and n % 1000 <> 501 and n % 10 not in (8, 9)";
  const state = "case when n % 1000 = 0 then 'running' when n % 10 = 8 then 'failed' when n % 10 = 9 then 'cancelled' else 'succeeded' end";
  const all = async (text: string, ...values: unknown[]) => void (await db.query({ text, values: [...range, ...values] }));
  await all(
    `insert into task (id, title, mode, model, environment_id, environment_version, branch, priority, created_by, created_at)
    select 'task_' || lpad(n::text, 16, '0'), 'Task ' || n, 'code', 'script', $3, 1, 'b' || n, 0, $4, now() - ($2 - n) * interval '1 minute' from generate_series($1::int, $2::int) n`,
    environment,
    user.id,
  );
  await all(
    `insert into turn (task_id, number, prompt, created_by) select 'task_' || lpad(n::text, 16, '0'), k, 'Do it', $3 from generate_series($1::int, $2::int) n, generate_series(1, 2) k where k = 1 or n % 2 = 0`,
    user.id,
  );
  await all(
    `insert into attempt (id, task_id, turn, number, user_id, priority, state, run, stats)
    select 'att_' || n || '_' || k, 'task_' || lpad(n::text, 16, '0'), k, 1, $3, 0, case when k = 1 and n % 2 = 0 then 'succeeded' else ${state} end, 1, '{"files": 1, "added": 1, "removed": 0}'
    from generate_series($1::int, $2::int) n, generate_series(1, 2) k where k = 1 or n % 2 = 0`,
    user.id,
  );
  await all(
    `insert into publication (id, task_id, attempt_id, state, branch, message, author_name, author_email, pushed, asked_by)
    select 'pub_' || n, 'task_' || lpad(n::text, 16, '0'), 'att_' || n || '_' || case when n % 2 = 0 then 2 else 1 end, 'published', 'b', 'm', 'Ada', 'ada@example.org', 'abc', $3
    from generate_series($1::int, $2::int) n where ${published}`,
    user.id,
  );
  await db.query(sql`analyze`);
}

async function spend(db: Db, user: User): Promise<void> {
  await db.query(sql`
    insert into usage (task_id, attempt_id, run, step, user_id, model, input_tokens, cached_tokens, output_tokens, cost_usd, at)
    select task_id, id, 1, step, ${user.id}, 'script', 1000, 900, 100, 0.01, now() - random() * interval '60 days'
    from (select task_id, id from attempt order by id limit 10000) a, generate_series(1, ${REQUESTS / 10_000}::int) step`);
  await db.query(sql`analyze`);
}
