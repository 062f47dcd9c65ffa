import type { User } from "@farhand/protocol";
import { Failure, USAGE } from "../failure.ts";
import { answer, client, type Invocation } from "../invocation.ts";
import { safeLine } from "../safe-text.ts";

export async function addUser(invocation: Invocation, name: string, options: { email: string; role: string }): Promise<number> {
  const { role } = options;
  if (role !== "member" && role !== "administrator")
    throw new Failure(`--role takes member or administrator, not ${JSON.stringify(role)}`, USAGE);
  const user = await (await client(invocation)).createUser({ name, email: options.email, role });
  await answer(invocation, user, () => `${line(user)}To let them in: farhand token create NAME --user ${user.id}\n`);
  return 0;
}

export async function listUsers(invocation: Invocation): Promise<number> {
  const users = await (await client(invocation)).users();
  await answer(invocation, { users }, () => users.map(line).join(""));
  return 0;
}

function line(user: User): string {
  return `${user.id}  ${safeLine(user.name)} <${safeLine(user.email)}>  ${user.role}\n`;
}
