import { createHash } from "node:crypto";
import type { User } from "@farhand/protocol";
import type { FastifyRequest } from "fastify";
import { UserError } from "../domain/user-error.ts";
import { type Db, type Queries, sql } from "../store/db.ts";

/**
 * Does a creation once per `Idempotency-Key` of its user, however often it is asked for: the answer is stored in the transaction that creates, and sent again.
 * Without the header, it simply does it. Another request under a used key is a UserError.
 */
export async function once<T extends object>(db: Db, user: User, request: FastifyRequest, create: (tx: Queries) => Promise<T>): Promise<T> {
  const key = request.headers["idempotency-key"];
  if (key === undefined) return db.transaction(create);
  if (typeof key !== "string" || key.length < 1 || key.length > 200)
    throw new UserError("invalid", "Idempotency-Key: use 1 to 200 characters");
  const hash = createHash("sha256")
    .update(`${request.method} ${request.url}\n${JSON.stringify(request.body)}`)
    .digest();
  return db.transaction(async (tx) => {
    const [claimed] = await tx.query(
      sql`insert into idempotency (user_id, key, request) values (${user.id}, ${key}, ${hash}) on conflict do nothing returning key`,
    );
    if (!claimed) {
      const [known] = await tx.query<{ request: Buffer; response: T }>(
        sql`select request, response from idempotency where user_id = ${user.id} and key = ${key}`,
      );
      if (!known?.request.equals(hash)) throw new UserError("conflict", "this Idempotency-Key was used for another request");
      return known.response;
    }
    const response = await create(tx);
    await tx.query(sql`update idempotency set response = ${JSON.stringify(response)}::jsonb where user_id = ${user.id} and key = ${key}`);
    return response;
  });
}
