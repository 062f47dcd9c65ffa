import { DEFAULT_LIMITS, NO_SETUP, type User } from "@farhand/protocol";
import { type Db, openDb } from "../store/db.ts";
import { addEnvironment } from "../store/environments.ts";
import { createTask, type TaskDraft } from "../store/tasks.ts";
import { addUser } from "../store/users.ts";
import { testDatabase } from "./database.ts";

/** A fresh database with one administrator and one environment, for tests. */
export async function testStore(): Promise<
  { db: Db; url: string; user: User; give(draft?: Partial<TaskDraft>, by?: User): Promise<string> } & AsyncDisposable
> {
  const database = await testDatabase();
  const db = openDb(database.url, () => {});
  const user = await addUser(db, { name: "Ada", email: "ada@example.org", role: "administrator" });
  const spec = {
    repository: "/srv/shop.git",
    branch: null,
    publish: "click" as const,
    limits: DEFAULT_LIMITS,
    ...NO_SETUP,
    network: { kind: "none" as const },
  };
  const environment = await addEnvironment(db, "shop", { spec, sealedToken: null, by: user.id, byAdministrator: true });
  return {
    db,
    url: database.url,
    user,
    give: (draft, by = user) =>
      db.transaction((tx) =>
        createTask(tx, by, {
          environment,
          title: "Fix it",
          prompt: "Fix it",
          ref: null,
          mode: "code",
          model: "script",
          priority: 0,
          ...draft,
        }),
      ),
    async [Symbol.asyncDispose]() {
      await db.close();
      await database[Symbol.asyncDispose]();
    },
  };
}
