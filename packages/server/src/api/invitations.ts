import { InvitationAcceptance, InvitationList, NewInvitation, OneTimeLink } from "@farhand/protocol";
import { z } from "zod";
import type { Config } from "../config.ts";
import { record } from "../store/audit.ts";
import { acceptInvitation, addInvitation, listInvitations, withdrawInvitation } from "../store/invitations.ts";
import { callerOf, clientOf, requireAdministrator, sendCookies } from "./auth.ts";
import type { Api, ApiParts } from "./parts.ts";
import { problemAnswers } from "./problems.ts";
import type { RateLimits } from "./rate-limits.ts";

/** Further people get in by a link that an administrator hands them. */
export function invitationRoutes(app: Api, { db, signIn }: ApiParts, tries: RateLimits, config: Pick<Config, "publicUrl">): void {
  app.post(
    "/invitations",
    {
      schema: {
        summary: "Invite a person: a link that works once, for 7 days; another for the same address takes its place",
        body: NewInvitation,
        response: { 201: OneTimeLink, ...problemAnswers },
      },
    },
    async (request, reply) => {
      const caller = callerOf(request);
      requireAdministrator(caller, "invite people");
      const { token, expiresAt } = await db.transaction(async (tx) => {
        const made = await addInvitation(tx, { ...request.body, by: caller.id });
        await record(tx, caller.id, "invitation.made", request.body.email, { role: request.body.role });
        return made;
      });
      return reply.code(201).send({ link: `${config.publicUrl}/#invitation=${token}`, expiresAt: expiresAt.toISOString() });
    },
  );

  app.get(
    "/invitations",
    { schema: { summary: "Invitations that nobody has accepted yet", response: { 200: InvitationList, ...problemAnswers } } },
    async (request) => {
      requireAdministrator(callerOf(request), "see invitations");
      return { invitations: await listInvitations(db) };
    },
  );

  app.delete(
    "/invitations/:email",
    {
      schema: {
        summary: "Withdraw an invitation: its link no longer works",
        params: z.object({ email: z.string().min(1).max(320) }),
        response: { 204: z.void(), ...problemAnswers },
      },
    },
    async (request, reply) => {
      const caller = callerOf(request);
      requireAdministrator(caller, "withdraw invitations");
      await db.transaction(async (tx) => {
        await withdrawInvitation(tx, request.params.email);
        await record(tx, caller.id, "invitation.withdrawn", request.params.email);
      });
      return reply.code(204).send();
    },
  );

  app.post(
    "/invitations/accept",
    {
      config: { open: true },
      schema: {
        summary: "Become a user: sets the cookie",
        body: InvitationAcceptance,
        response: { 204: z.void(), ...problemAnswers },
      },
    },
    async (request, reply) => {
      await tries.tryToGetIn(request, reply);
      const { token, name, password } = request.body;
      const hash = await signIn.hashOf(password);
      const user = await db.transaction(async (tx) => {
        const added = await acceptInvitation(tx, token, name, hash);
        await record(tx, added.id, "invitation.accepted", added.id, { role: added.role });
        return added;
      });
      return sendCookies(reply, await signIn.start(user.id, "invitation", clientOf(request)))
        .code(204)
        .send();
    },
  );
}
