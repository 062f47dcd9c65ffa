import { LinkLogin, Me, MeChange, OneTimeLink, PasswordChange, PasswordLogin, SessionList } from "@farhand/protocol";
import { z } from "zod";
import type { Config } from "../config.ts";
import { UserError } from "../domain/user-error.ts";
import { record } from "../store/audit.ts";
import { addLoginLink, useLoginLink } from "../store/login-links.ts";
import { setPassword } from "../store/passwords.ts";
import { endOtherSessions, endSession, listSessions } from "../store/sessions.ts";
import { changeUser } from "../store/users.ts";
import { accessOf, callerOf, clientOf, sendCookies } from "./auth.ts";
import type { Api, ApiParts } from "./parts.ts";
import { problemAnswers } from "./problems.ts";
import type { RateLimits } from "./rate-limits.ts";

const done = { 204: z.void(), ...problemAnswers };

/** Getting in and out on the page. */
export function sessionRoutes(app: Api, { db, signIn }: ApiParts, tries: RateLimits, config: Pick<Config, "publicUrl">): void {
  app.post(
    "/session",
    { config: { open: true }, schema: { summary: "Log in with a password: sets the cookie", body: PasswordLogin, response: done } },
    async (request, reply) => {
      const { email, password } = request.body;
      await tries.tryToGetIn(request, reply, email);
      return sendCookies(reply, await signIn.byPassword(email, password, clientOf(request)))
        .code(204)
        .send();
    },
  );

  app.post(
    "/session/link",
    { config: { open: true }, schema: { summary: "Log in with a one-time link: sets the cookie", body: LinkLogin, response: done } },
    async (request, reply) => {
      await tries.tryToGetIn(request, reply);
      const userId = await db.transaction(async (tx) => {
        const holder = await useLoginLink(tx, request.body.token);
        if (holder) await record(tx, holder, "session.by-link", holder);
        return holder;
      });
      if (!userId) throw new UserError("forbidden", "this link was used already or has expired: farhand login-link makes another");
      return sendCookies(reply, await signIn.start(userId, "link", clientOf(request)))
        .code(204)
        .send();
    },
  );

  app.post(
    "/session/links",
    { schema: { summary: "Make a link by which you log in, once, within 15 minutes", response: { 201: OneTimeLink, ...problemAnswers } } },
    async (request, reply) => {
      const caller = callerOf(request);
      const { token, expiresAt } = await db.transaction(async (tx) => {
        const made = await addLoginLink(tx, caller.id);
        await record(tx, caller.id, "login-link.made", caller.id);
        return made;
      });
      return reply.code(201).send({ link: `${config.publicUrl}/#login=${token}`, expiresAt: expiresAt.toISOString() });
    },
  );

  app.delete(
    "/session",
    { config: { open: true }, schema: { summary: "Log out: ends the session of the cookie", response: done } },
    async (request, reply) =>
      sendCookies(reply, await signIn.end(clientOf(request)))
        .code(204)
        .send(),
  );

  app.get(
    "/sessions",
    { schema: { summary: "Where you are signed in on the page", response: { 200: SessionList, ...problemAnswers } } },
    async (request) => ({ sessions: await listSessions(db, callerOf(request).id, accessOf(request).id) }),
  );

  app.delete(
    "/sessions/:id",
    {
      schema: {
        summary: "End one of your sessions, and the streams that it has open",
        params: z.object({ id: z.string() }),
        response: done,
      },
    },
    async (request, reply) => {
      const caller = callerOf(request);
      await db.transaction(async (tx) => {
        await endSession(tx, caller.id, request.params.id);
        await record(tx, caller.id, "session.ended", request.params.id);
      });
      return reply.code(204).send();
    },
  );

  app.patch(
    "/me",
    {
      config: { session: true },
      schema: { summary: "Change your name, or with your password your address", body: MeChange, response: { 200: Me, ...problemAnswers } },
    },
    async (request, reply) => {
      const caller = callerOf(request);
      const { name = caller.name, email = caller.email, password } = request.body;
      if (email.toLowerCase() !== caller.email) {
        await tries.tryToGetIn(request, reply, caller.id);
        if (!(await signIn.hasPassword(caller.id)))
          throw new UserError("forbidden", "the address is what you log in with by password: set a password first");
        if (password === undefined || !(await signIn.isPassword(caller.id, password)))
          throw new UserError("forbidden", "another address needs your password, and this is not it");
      }
      const changed = await db.transaction(async (tx) => {
        const user = await changeUser(tx, caller.id, { name, email });
        await record(tx, caller.id, "user.changed", caller.id, { name: user.name, email: user.email });
        return user;
      });
      return { ...changed, hasPassword: await signIn.hasPassword(caller.id) };
    },
  );

  app.post(
    "/me/password",
    {
      config: { session: true },
      schema: { summary: "Set or change your password; your other sessions end", body: PasswordChange, response: done },
    },
    async (request, reply) => {
      const caller = callerOf(request);
      await tries.tryToGetIn(request, reply, caller.id);
      const hash = await signIn.hashOfNew(request.body.next, request.body.current, clientOf(request));
      await db.transaction(async (tx) => {
        await setPassword(tx, caller.id, hash);
        await endOtherSessions(tx, caller.id, accessOf(request).id);
        await record(tx, caller.id, "password.changed", caller.id);
      });
      return reply.code(204).send();
    },
  );
}
