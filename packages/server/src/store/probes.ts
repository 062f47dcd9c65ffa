import { newId } from "../domain/id.ts";
import type { UserError } from "../domain/user-error.ts";
import { untilAnswered } from "./asked.ts";
import { type Db, type Queries, sql } from "./db.ts";

export type Probe = { id: string; url: string; branch: string | null; sealed_token: Buffer | null; by_administrator: boolean };
/** What a worker found: `defaultBranch` of a usable repository, or why it is none, as a sentence for its user. */
export type ProbeAnswer = { ok: true; defaultBranch: string } | { ok: false; code: UserError["code"]; detail: string };

/** Asks a worker to look at a repository and waits for what it says; null = nobody answered in time. */
export async function askProbe(db: Db, question: Omit<Probe, "id">, timeoutMs: number): Promise<ProbeAnswer | null> {
  const id = newId("probe");
  await untilAnswered(db, "farhand_probed", id, timeoutMs, () =>
    db.transaction(async (tx) => {
      await tx.query(sql`delete from probe where asked_at < now() - interval '10 minutes'`);
      await tx.query(sql`
        insert into probe (id, url, branch, sealed_token, by_administrator)
        values (${id}, ${question.url}, ${question.branch}, ${question.sealed_token}, ${question.by_administrator})`);
      await tx.query(sql`select pg_notify('farhand_queue', '')`);
    }),
  );
  const [row] = await db.query<{ answer: ProbeAnswer }>(sql`delete from probe where id = ${id} and answer is not null returning answer`);
  return row?.answer ?? null;
}

/** Whether there is a question that nobody has taken. */
export async function hasProbe(db: Queries): Promise<boolean> {
  const open = await db.query(
    sql`select id from probe where answer is null and asked_at > now() - interval '1 minute' limit 1 for update skip locked`,
  );
  return open.length > 0;
}

/** Takes the oldest open question, looks, and stores the answer. A worker that dies in between leaves the question open for the next. */
export async function answerProbe(db: Db, look: (probe: Probe) => Promise<ProbeAnswer>): Promise<void> {
  return db.transaction(async (tx: Queries) => {
    const [probe] = await tx.query<Probe>(sql`
      select id, url, branch, sealed_token, by_administrator from probe
      where answer is null and asked_at > now() - interval '1 minute' order by asked_at limit 1 for update skip locked`);
    if (!probe) return;
    const answer = await look(probe);
    await tx.query(sql`update probe set answer = ${JSON.stringify(answer)}::jsonb, sealed_token = null where id = ${probe.id}`);
    await tx.query(sql`select pg_notify('farhand_probed', ${probe.id})`);
  });
}
