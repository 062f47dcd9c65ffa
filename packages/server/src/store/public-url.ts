import { type Queries, sql } from "./db.ts";

const SETTING = "public_url";

/** Keeps where users reach the service, for what is written where no request is at hand. */
export async function keepPublicUrl(db: Queries, url: string): Promise<void> {
  await db.query(
    sql`insert into setting (key, value) values (${SETTING}, ${JSON.stringify(url)}::jsonb) on conflict (key) do update set value = excluded.value`,
  );
}

/** null = no API process has been started yet. */
export async function publicUrl(db: Queries): Promise<string | null> {
  const [row] = await db.query<{ value: string }>(sql`select value from setting where key = ${SETTING}`);
  return row?.value ?? null;
}
