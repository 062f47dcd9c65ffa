import { chmod, readFile, rename, writeFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { join } from "node:path";
import { openDb } from "./db.ts";
import { addUser, firstAdministrator, mintToken, userOfToken } from "./users.ts";

/** Makes sure that there is an administrator, and that whoever may read `<home>/token` (mode 0600) is one. May be repeated. */
export async function ensureLocalAdministrator(databaseUrl: string, home: string): Promise<void> {
  const db = openDb(databaseUrl, () => {}, 1);
  try {
    const file = join(home, "token");
    const known = await readFile(file, "utf8").catch(() => "");
    if (known && (await userOfToken(db, known.trim()))) return;
    const name = userInfo().username;
    const id =
      (await firstAdministrator(db))?.id ?? (await addUser(db, { name, email: `${name}@localhost.localdomain`, role: "administrator" })).id;
    const { token } = await mintToken(db, id, "command line on this machine");
    await writeFile(`${file}.new`, `${token}\n`, { mode: 0o600 });
    await chmod(`${file}.new`, 0o600);
    await rename(`${file}.new`, file);
  } finally {
    await db.close();
  }
}
