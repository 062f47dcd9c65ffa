import { clean, type Queries, sql } from "./db.ts";

/** Who did what to what. Never give it a secret. */
export async function record(
  db: Queries,
  actor: string,
  action: string,
  target: string,
  detail: Record<string, unknown> = {},
): Promise<void> {
  await db.query(
    sql`insert into audit (actor, action, target, detail) values (${actor}, ${action}, ${target}, ${JSON.stringify(clean(detail))}::jsonb)`,
  );
}
