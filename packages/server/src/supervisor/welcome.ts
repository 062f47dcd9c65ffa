import type { Config } from "../config.ts";
import { openDb } from "../store/db.ts";
import { addLoginLink, administratorToWelcome, LINK_MINUTES } from "../store/login-links.ts";

/** As long as no administrator has ever been on the page: prints a link by which the first one gets in. */
export async function welcome(databaseUrl: string, config: Pick<Config, "publicUrl">, say: (line: string) => void): Promise<void> {
  const db = openDb(databaseUrl, () => {}, 1);
  try {
    const administrator = await administratorToWelcome(db);
    if (!administrator) return;
    const { token } = await addLoginLink(db, administrator);
    say(`Log in with this link, which works once and for ${LINK_MINUTES} minutes (bin/farhand login-link makes another):`);
    say(`  ${config.publicUrl}/#login=${token}`);
  } catch (error) {
    say(`No link to log in could be made (${(error as Error).message}): bin/farhand login-link makes one`);
  } finally {
    await db.close();
  }
}
