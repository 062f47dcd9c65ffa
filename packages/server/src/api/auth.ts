import type { User } from "@farhand/protocol";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { UserError } from "../domain/user-error.ts";
import type { Db } from "../store/db.ts";
import { userOfToken } from "../store/users.ts";
import { problem } from "./problems.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /** true: answers without a token. */
    open?: boolean;
  }
  interface FastifyRequest {
    user: User | null;
  }
}

/** Every route needs a token, unless its own config says `open`. */
export function requireToken(app: FastifyInstance, db: Db): void {
  app.decorateRequest("user", null);
  app.addHook("onRequest", async (request, reply) => {
    if (request.routeOptions.config.open) return;
    const token = /^Bearer ([\x21-\x7e]+)$/i.exec(request.headers.authorization ?? "")?.[1];
    request.user = token ? await userOfToken(db, token) : null;
    if (!request.user) {
      reply.header("www-authenticate", "Bearer");
      return problem(
        reply,
        401,
        "not-signed-in",
        token ? "this token is not known, or was revoked: farhand login stores another" : "a token is needed: farhand login stores one",
      );
    }
  });
}

/** Who asks. Only for routes that are not open. */
export function callerOf(request: FastifyRequest): User {
  if (!request.user) throw new Error("an open route has no caller");
  return request.user;
}

/** Throws UserError `forbidden` for everybody else; `deed` completes "only administrators may …". */
export function requireAdministrator(user: User, deed: string): void {
  if (user.role !== "administrator") throw new UserError("forbidden", `only administrators may ${deed}`);
}
