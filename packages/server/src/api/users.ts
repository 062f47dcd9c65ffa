import { Me, MintedToken, NewToken, NewUser, TokenList, User, UserList } from "@farhand/protocol";
import { z } from "zod";
import { record } from "../store/audit.ts";
import { addUser, getUser, listTokens, listUsers, mintToken, revokeToken } from "../store/users.ts";
import { callerOf, requireAdministrator } from "./auth.ts";
import { once } from "./idempotency.ts";
import type { Api, ApiParts } from "./parts.ts";
import { problemAnswers } from "./problems.ts";

/** People and their tokens. */
export function userRoutes(app: Api, { db, signIn }: ApiParts): void {
  app.get("/me", { schema: { summary: "Who asks", response: { 200: Me, ...problemAnswers } } }, async (request) => {
    const caller = callerOf(request);
    return { ...caller, hasPassword: await signIn.hasPassword(caller.id) };
  });

  app.get("/users", { schema: { summary: "All users", response: { 200: UserList, ...problemAnswers } } }, async (request) => {
    requireAdministrator(callerOf(request), "list users");
    return { users: await listUsers(db) };
  });

  app.post(
    "/users",
    { schema: { summary: "Add a user", body: NewUser, response: { 201: User, ...problemAnswers } } },
    async (request, reply) => {
      const caller = callerOf(request);
      requireAdministrator(caller, "add users");
      const added = await once(db, caller, request, async (tx) => {
        const user = await addUser(tx, request.body);
        await record(tx, caller.id, "user.added", user.id, { role: user.role });
        return user;
      });
      return reply.code(201).send(added);
    },
  );

  app.get("/tokens", { schema: { summary: "Your tokens", response: { 200: TokenList, ...problemAnswers } } }, async (request) => ({
    tokens: await listTokens(db, callerOf(request).id),
  }));

  app.post(
    "/tokens",
    {
      schema: {
        summary: "Make a token, for yourself, or as an administrator for another user; shown this once",
        body: NewToken,
        response: { 201: MintedToken, ...problemAnswers },
      },
    },
    async (request, reply) => {
      const caller = callerOf(request);
      const holder = request.body.user ?? caller.id;
      if (holder !== caller.id) requireAdministrator(caller, "make tokens for others");
      const minted = await db.transaction(async (tx) => {
        const token = await mintToken(tx, (await getUser(tx, holder)).id, request.body.name, request.body.scope);
        await record(tx, caller.id, "token.made", token.id, { holder, scope: token.scope });
        return token;
      });
      return reply.code(201).send(minted);
    },
  );

  app.delete(
    "/tokens/:id",
    {
      schema: {
        summary: "Revoke one of your tokens",
        params: z.object({ id: z.string() }),
        response: { 204: z.void(), ...problemAnswers },
      },
    },
    async (request, reply) => {
      const caller = callerOf(request);
      await db.transaction(async (tx) => {
        await revokeToken(tx, caller.id, request.params.id);
        await record(tx, caller.id, "token.revoked", request.params.id);
      });
      return reply.code(204).send();
    },
  );
}
