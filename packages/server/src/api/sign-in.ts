import type { User } from "@farhand/protocol";
import { betterAuth } from "better-auth";
import { createAuthEndpoint, isAPIError } from "better-auth/api";
import { setSessionCookie } from "better-auth/cookies";
import type pg from "pg";
import { z } from "zod";
import type { Config } from "../config.ts";
import { type IdKind, newId } from "../domain/id.ts";
import { UserError } from "../domain/user-error.ts";
import { openPool } from "../store/db.ts";

export const SESSION_COOKIE = "farhand_session";
const CLIENT_ADDRESS = "x-farhand-client"; // set by us from what trusted proxies say, never taken from a request
const SESSION_DAYS = 30;
/** A new password may take the place of a lost one for so long after a login by a link. */
const RESET_MS = 15 * 60_000;
const CONNECTIONS = 5;
const IDS: Record<string, IdKind> = { user: "usr", session: "ses", account: "acc", verification: "ver" };

/** What of a request counts here. */
export type Client = { address: string; cookie: string | undefined; userAgent: string | undefined };
/** Values of Set-Cookie headers, for the browser that asked. */
export type Cookies = readonly string[];

/** Sessions and passwords of the page, kept by better-auth in our tables. Nothing of it is reached from outside but through our routes. */
export interface SignIn {
  /** Who has this session, and its id; null = nobody. */
  who(client: Client): Promise<{ user: User; id: string; cookies: Cookies } | null>;
  /** Throws UserError `forbidden` for a wrong address and a wrong password alike. */
  byPassword(email: string, password: string, client: Client): Promise<Cookies>;
  /** Begins a session for somebody who has shown a one-time token. */
  start(userId: string, startedBy: "link" | "invitation", client: Client): Promise<Cookies>;
  /** Ends the session; harmless where there is none. */
  end(client: Client): Promise<Cookies>;
  hashOf(password: string): Promise<string>;
  hasPassword(userId: string): Promise<boolean>;
  /** Whether it is the user's; false where there is none. */
  isPassword(userId: string, password: string): Promise<boolean>;
  /** Of a new password for the user of this session, where they may set it: `current` as in PasswordChange. Throws UserError. */
  hashOfNew(password: string, current: string | null, client: Client): Promise<string>;
  close(): Promise<void>;
}

export type SignInParts = { databaseUrl: string; secret: string; onError: (error: Error) => void };

/** Loads all that it will ever need: afterwards no file is read. */
export async function openSignIn(config: Pick<Config, "publicUrl">, parts: SignInParts): Promise<SignIn> {
  const pool = openPool(parts.databaseUrl, parts.onError, CONNECTIONS);
  const auth = createAuth(config, parts, pool);
  const context = await auth.$context;
  const headers = ({ address, cookie, userAgent }: Client) =>
    new Headers({ [CLIENT_ADDRESS]: address, ...(cookie && { cookie }), ...(userAgent && { "user-agent": userAgent }) });
  const passwordOf = async (userId: string) => (await context.internalAdapter.findCredentialAccount(userId))?.password ?? null;

  const signIn: SignIn = {
    async who(client) {
      if (!client.cookie?.includes(SESSION_COOKIE)) return null;
      const { response, headers: answered } = await said(auth.api.getSession({ headers: headers(client), returnHeaders: true }));
      if (!response) return null;
      const { id, name, email, role } = response.user;
      const user: User = { id, name, email, role: role === "administrator" ? role : "member" };
      return { user, id: response.session.id, cookies: answered.getSetCookie() };
    },
    async byPassword(email, password, client) {
      const body = { email, password };
      return (await said(auth.api.signInEmail({ body, headers: headers(client), returnHeaders: true }))).headers.getSetCookie();
    },
    async start(userId, startedBy, client) {
      const body = { userId, startedBy };
      return (await said(auth.api.startSession({ body, headers: headers(client), returnHeaders: true }))).headers.getSetCookie();
    },
    async end(client) {
      return (await said(auth.api.signOut({ headers: headers(client), returnHeaders: true }))).headers.getSetCookie();
    },
    hashOf: (password) => context.password.hash(password),
    hasPassword: async (userId) => (await passwordOf(userId)) !== null,
    async isPassword(userId, password) {
      const hash = await passwordOf(userId);
      return hash !== null && context.password.verify({ hash, password });
    },
    async hashOfNew(password, current, client) {
      const found = await said(auth.api.getSession({ headers: headers(client) }));
      if (!found) throw new UserError("forbidden", "this session has ended: log in again");
      const { session, user } = found;
      if (current !== null && !(await signIn.isPassword(user.id, current)))
        throw new UserError("forbidden", "the current password is another one");
      const byLink = session.startedBy === "link" && Date.now() - session.createdAt.getTime() < RESET_MS;
      if (current === null && !byLink && (await signIn.hasPassword(user.id)))
        throw new UserError(
          "forbidden",
          "give the current password too; if it is lost, log in by a link first: farhand login-link makes one",
        );
      return context.password.hash(password);
    },
    close: () => pool.end(),
  };
  await context.password.verify({ hash: await context.password.hash("warm"), password: "warm" });
  await signIn.who({ address: "127.0.0.1", cookie: `${SESSION_COOKIE}=none.none`, userAgent: undefined });
  return signIn;
}

function createAuth(config: Pick<Config, "publicUrl">, { secret, onError }: SignInParts, pool: pg.Pool) {
  const dates = { createdAt: "created_at", updatedAt: "updated_at" };
  const auth = betterAuth({
    baseURL: config.publicUrl,
    secret,
    database: pool,
    telemetry: { enabled: false },
    rateLimit: { enabled: false }, // our routes count their callers themselves
    logger: {
      level: "error",
      log: (_level, message, ...more) => onError(more.find((one) => one instanceof Error) ?? new Error(message)),
    },
    advanced: {
      useSecureCookies: false, // that would also rename the cookie
      cookies: { session_token: { name: SESSION_COOKIE } },
      defaultCookieAttributes: { httpOnly: true, sameSite: "lax", path: "/", secure: config.publicUrl.startsWith("https:") },
      ipAddress: { ipAddressHeaders: [CLIENT_ADDRESS] },
      database: { generateId: ({ model }) => newId(IDS[model] ?? "ver") },
    },
    user: {
      modelName: "users",
      fields: { emailVerified: "email_verified", ...dates },
      additionalFields: { role: { type: "string", required: true, input: false } },
    },
    session: {
      fields: { userId: "user_id", expiresAt: "expires_at", ipAddress: "ip_address", userAgent: "user_agent", ...dates },
      additionalFields: { startedBy: { type: "string", required: true, input: false, fieldName: "started_by", defaultValue: "password" } },
      expiresIn: SESSION_DAYS * 86_400,
    },
    account: {
      fields: {
        userId: "user_id",
        providerId: "provider_id",
        accountId: "account_id",
        accessToken: "access_token",
        refreshToken: "refresh_token",
        idToken: "id_token",
        accessTokenExpiresAt: "access_token_expires_at",
        refreshTokenExpiresAt: "refresh_token_expires_at",
        ...dates,
      },
    },
    verification: { fields: { expiresAt: "expires_at", ...dates } },
    emailAndPassword: { enabled: true, disableSignUp: true, minPasswordLength: 1, maxPasswordLength: 256 }, // the length of a new one is NewPassword's
    databaseHooks: {
      session: {
        create: { after: async ({ userId }) => void (await pool.query("update users set last_login_at = now() where id = $1", [userId])) },
      },
    },
    plugins: [ours()],
  });
  return auth;
}

/** What better-auth does not do as we need it; called by us only, not to be reached by HTTP. */
function ours() {
  return {
    id: "farhand",
    endpoints: {
      startSession: createAuthEndpoint.serverOnly(
        { method: "POST", body: z.object({ userId: z.string(), startedBy: z.string() }) },
        async (ctx) => {
          const { userId, startedBy } = ctx.body;
          const user = await ctx.context.internalAdapter.findUserById(userId);
          if (!user) throw new UserError("not-found", `there is no user ${userId}`);
          const session = await ctx.context.internalAdapter.createSession(userId, false, { startedBy }, true);
          await setSessionCookie(ctx, { session, user });
          return ctx.json(null);
        },
      ),
    },
  };
}

/** The answer, or its refusal in our words. */
async function said<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (!isAPIError(error)) throw error;
    const cause = (error as Error).cause;
    if (error.statusCode >= 500) throw cause instanceof Error ? cause : error;
    if (error.body?.code === "INVALID_EMAIL_OR_PASSWORD" || error.body?.code === "INVALID_EMAIL")
      throw new UserError("forbidden", "the address or the password is wrong");
    throw new UserError("forbidden", error.message);
  }
}
