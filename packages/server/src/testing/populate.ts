import { DEFAULT_LIMITS, NO_SETUP, type User } from "@farhand/protocol";
import type { Db } from "../store/db.ts";
import { addEnvironment } from "../store/environments.ts";
import type { TaskDraft } from "../store/tasks.ts";
import { addUser } from "../store/users.ts";

/** Puts one administrator and one environment into a database; `draft` is a task of that environment. */
export async function populate(db: Db): Promise<{ user: User; draft: TaskDraft }> {
  const user = await addUser(db, { name: "Ada", email: "ada@example.org", role: "administrator" });
  const spec = {
    repository: "/srv/shop.git",
    branch: null,
    publish: "click",
    transcript: "none",
    limits: DEFAULT_LIMITS,
    ...NO_SETUP,
    network: { kind: "none" },
  } as const;
  const environment = await db.transaction((tx) =>
    addEnvironment(tx, "shop", { spec, sealedToken: null, by: user.id, byAdministrator: true }),
  );
  return {
    user,
    draft: { environment, title: "Fix it", prompt: "Fix it", ref: null, mode: "code", model: "script", priority: 0, attempts: 1 },
  };
}
