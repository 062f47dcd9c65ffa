import assert from "node:assert/strict";
import type { TokenScope, User } from "@farhand/protocol";
import pino from "pino";
import type { Page } from "../api/page-files.ts";
import { buildApi } from "../api/server.ts";
import { openSignIn } from "../api/sign-in.ts";
import { type Config, readConfig } from "../config.ts";
import { watchAccess } from "../store/access.ts";
import { eventFeeds } from "../store/event-log.ts";
import { sessionSecret } from "../store/session-secret.ts";
import { addUser, mintToken } from "../store/users.ts";
import { testStore } from "./store.ts";

export type Method = "GET" | "POST" | "PATCH" | "DELETE";
type Request = { body?: object | undefined; headers?: Record<string, string>; remoteAddress?: string };
export const ORIGIN = "http://127.0.0.1:7420";

/** The API on a database of its own, not listening: `ada` and `bob` are tokens of an administrator and a member. */
export async function testApi(settings: Record<string, string> = {}, page: Page | null = null) {
  const store = await testStore();
  const stop = new AbortController();
  const feeds = await eventFeeds(store.db, stop.signal, (error) => assert.fail(error));
  const access = await watchAccess(store.db, stop.signal, (error) => assert.fail(error));
  const config: Config = readConfig({ FARHAND_HOME: "/nowhere", ...settings }, false);
  const signIn = await openSignIn(config, { databaseUrl: store.url, secret: await sessionSecret(store.db), onError: () => {} });
  const app = await buildApi(config, { db: store.db, feeds, access, limits: config, signIn, page }, pino({ level: "silent" }));
  const tokenOf = async (user: User, scope: TokenScope = "all") => (await mintToken(store.db, user.id, "test", scope)).token;
  const bobUser = await addUser(store.db, { name: "Bob", email: "bob@example.org", role: "member" });

  async function ask(method: Method, path: string, { body, headers, remoteAddress }: Request = {}) {
    const reply = await app.inject({
      method,
      url: path,
      headers: { host: "127.0.0.1:7420", ...headers },
      ...(body && { payload: body }),
      ...(remoteAddress !== undefined && { remoteAddress }),
    });
    return {
      status: reply.statusCode,
      type: String(reply.headers["content-type"]),
      headers: reply.headers,
      cookies: [reply.headers["set-cookie"] ?? []].flat(),
      body: reply.body ? (reply.headers["content-type"]?.includes("json") ? reply.json() : reply.body) : null,
    };
  }
  return {
    ...store,
    app,
    config,
    signIn,
    ada: await tokenOf(store.user),
    bob: await tokenOf(bobUser),
    bobUser,
    tokenOf,
    ask,
    call: (token: string | null, method: Method, path: string, body?: object, headers: Record<string, string> = {}) =>
      ask(method, path, { body, headers: { ...(token !== null && { authorization: `Bearer ${token}` }), ...headers } }),
    async [Symbol.asyncDispose]() {
      stop.abort();
      await app.close();
      await signIn.close();
      await store[Symbol.asyncDispose]();
    },
  };
}
