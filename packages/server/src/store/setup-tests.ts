import type { Environment, User } from "@farhand/protocol";
import { UserError } from "../domain/user-error.ts";
import { type Queries, sql } from "./db.ts";
import { createTask } from "./tasks.ts";

/**
 * Gives out a task that only runs the setup of the environment, anew, and whose end says whether it worked; in the caller's transaction. The ones
 * before it are forgotten. Throws UserError `conflict` while one is under way.
 */
export async function createSetupTest(tx: Queries, user: User, environment: Environment): Promise<string> {
  await tx.query(sql`select id from environment where id = ${environment.id} for update`);
  const [busy] = await tx.query<{ id: string }>(sql`
    select t.id from task t join attempt a on a.task_id = t.id
    where t.environment_id = ${environment.id} and t.kind = 'setup-test' and a.state in ('queued', 'running') limit 1`);
  if (busy) throw new UserError("conflict", `the setup of ${environment.name} is being tested already: farhand watch ${busy.id}`);
  await tx.query(sql`delete from task where environment_id = ${environment.id} and kind = 'setup-test'`);
  const title = `Test of the setup of ${environment.name}`;
  return createTask(tx, user, {
    environment,
    kind: "setup-test",
    title,
    prompt: title,
    ref: null,
    mode: "code",
    model: "none",
    priority: 0,
    attempts: 1,
  });
}
