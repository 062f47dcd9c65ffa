import type { TokenScope, User } from "@farhand/protocol";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Config } from "../config.ts";
import { isWithin } from "../domain/scope.ts";
import { UserError } from "../domain/user-error.ts";
import type { Access } from "../store/access.ts";
import { userOfToken } from "../store/users.ts";
import { originOf } from "./origin.ts";
import type { ApiParts } from "./parts.ts";
import { problem } from "./problems.ts";
import type { Client, Cookies } from "./sign-in.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /** true: answers without a token or session. */
    open?: boolean;
    /** true: only with a session of the page, not with a token. */
    session?: boolean;
  }
  interface FastifyRequest {
    user: User | null;
    /** What let them in; null where nobody is. */
    access: Access | null;
  }
}

const READS = new Set(["GET", "HEAD", "OPTIONS"]);

/**
 * Every route needs a token or a session, unless its own config says `open`. A browser sends the session's cookie by itself, so what changes something
 * must then come from a page of ours; and no other page may begin a session.
 */
export function requireUser(app: FastifyInstance, { db, signIn }: Pick<ApiParts, "db" | "signIn">, config: Config): void {
  app.decorateRequest("user", null);
  app.decorateRequest("access", null);
  app.addHook("onRequest", async (request, reply) => {
    const { open, session } = request.routeOptions.config;
    const { authorization } = request.headers;
    if (!READS.has(request.method) && authorization === undefined) {
      const from = originOf(request, config);
      if (from === "foreign" || (from === "unsaid" && !open && request.headers.cookie !== undefined))
        return problem(reply, 403, "wrong-origin", `this was not sent by a page of ${config.publicUrl}: open the page there`);
    }
    if (open) return;
    if (authorization !== undefined) {
      const token = /^Bearer ([\x21-\x7e]+)$/i.exec(authorization)?.[1];
      const found = token ? await userOfToken(db, token) : null;
      if (!found) return refuse(reply, "this token is not known, or was revoked: farhand login stores another");
      const { url = "" } = request.routeOptions;
      if (!isWithin(found.scope, request.method, url)) return problem(reply, 403, "wrong-scope", beyond(found.scope));
      request.user = found.user;
      request.access = { kind: "token", id: found.id };
      if (session) return problem(reply, 403, "forbidden", "this is done on the page, not with a token");
      return;
    }
    const found = await signIn.who(clientOf(request));
    if (!found) return refuse(reply, "log in on the page, or send a token: farhand login stores one");
    request.user = found.user;
    request.access = { kind: "session", id: found.id };
    sendCookies(reply, found.cookies);
  });
}

function beyond(scope: TokenScope): string {
  const may = scope === "read" ? "only look" : "only give and control tasks, and look";
  return `this token may ${may}: for more, make one with another scope, on the page or with farhand token create`;
}

function refuse(reply: FastifyReply, detail: string): FastifyReply {
  return problem(reply.header("www-authenticate", "Bearer"), 401, "not-signed-in", detail);
}

/** What sessions want to know of a request; the address is that of the user where a trusted proxy says it. */
export function clientOf(request: FastifyRequest): Client {
  return { address: request.ip, cookie: request.headers.cookie, userAgent: request.headers["user-agent"]?.slice(0, 500) };
}

export function sendCookies(reply: FastifyReply, cookies: Cookies): FastifyReply {
  return cookies.length > 0 ? reply.header("set-cookie", [...cookies]) : reply;
}

/** Who asks. Only for routes that are not open. */
export function callerOf(request: FastifyRequest): User {
  if (!request.user) throw new Error("an open route has no caller");
  return request.user;
}

/** What let in who asks. Only for routes that are not open. */
export function accessOf(request: FastifyRequest): Access {
  if (!request.access) throw new Error("an open route lets everybody in");
  return request.access;
}

/** Throws UserError `forbidden` for everybody else; `deed` completes "only administrators may …". */
export function requireAdministrator(user: User, deed: string): void {
  if (user.role !== "administrator") throw new UserError("forbidden", `only administrators may ${deed}`);
}
