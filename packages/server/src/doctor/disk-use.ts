import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { HostCheck } from "@farhand/protocol";
import type { Config } from "../config.ts";
import { openDb } from "../store/db.ts";
import { useChecks } from "../store/host-checks.ts";
import { reachDatabase } from "../supervisor/reach-database.ts";

/** What takes the disk: in the database, and on the workers'. Nothing where there is no database yet, or it does not answer, which is another check's. */
export async function checkUse(config: Config, signal: AbortSignal): Promise<HostCheck[]> {
  if (config.databaseUrl === null && (await readdir(join(config.home, "database/data")).catch(() => [])).length === 0) return [];
  try {
    await using database = await reachDatabase(config, () => {}, signal);
    const db = openDb(database.url, () => {}, 1);
    try {
      const [last] = await db.query<{ schema: boolean }>({ text: "select to_regclass('nightly') is not null as schema", values: [] });
      if (!last?.schema) return []; // of a version before this one
      return await useChecks(db);
    } finally {
      await db.close();
    }
  } catch (error) {
    if (signal.aborted) throw error;
    return [];
  }
}
