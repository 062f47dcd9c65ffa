import assert from "node:assert/strict";
import { test } from "node:test";
import type { OneTimeLink } from "@farhand/protocol";
import { addLoginLink, administratorToWelcome } from "../store/login-links.ts";
import { ORIGIN, testApi } from "../testing/api.ts";

type TestApi = Awaited<ReturnType<typeof testApi>>;
const own = { origin: ORIGIN };
const SECRET = "correct horse battery";

/** What a browser would send back of these Set-Cookie headers. */
const cookieOf = (cookies: string[]) => cookies.map((one) => one.split(";")[0]).join("; ");
const tokenIn = (link: OneTimeLink) => link.link.replace(/^.*=/, "");

async function logIn(api: TestApi, userId: string): Promise<string> {
  const { token } = await addLoginLink(api.db, userId);
  const answer = await api.ask("POST", "/api/v1/session/link", { body: { token }, headers: own });
  assert.equal(answer.status, 204);
  return cookieOf(answer.cookies);
}

test("a link logs in once, and the cookie can be read by no script and sent by no other site", async () => {
  await using api = await testApi();
  assert.equal(await administratorToWelcome(api.db), api.user.id);
  const made = await api.call(api.ada, "POST", "/api/v1/session/links");
  assert.match(made.body.link, /^http:\/\/127\.0\.0\.1:7420\/#login=[\w-]{43}$/);
  const body = { token: tokenIn(made.body) };
  const first = await api.ask("POST", "/api/v1/session/link", { body, headers: own });
  assert.equal(first.status, 204);
  assert.match(first.cookies.join(), /^farhand_session=[^;]+; Max-Age=\d+; Path=\/; HttpOnly; SameSite=Lax$/);
  const me = await api.ask("GET", "/api/v1/me", { headers: { cookie: cookieOf(first.cookies) } });
  assert.deepEqual([me.body.email, me.body.hasPassword], ["ada@example.org", false]);
  const second = await api.ask("POST", "/api/v1/session/link", { body, headers: own });
  assert.deepEqual([second.status, second.body.code], [403, "forbidden"]);
  assert.equal(await administratorToWelcome(api.db), null);
});

test("a link that has expired is refused, and only its hash is stored", async () => {
  await using api = await testApi();
  const { token } = await addLoginLink(api.db, api.user.id);
  await api.db.query({ text: "update login_link set expires_at = now() - interval '1 second'", values: [] });
  const rows = await api.db.query({ text: "select encode(hash, 'escape') as hash, * from login_link", values: [] });
  assert.ok(!JSON.stringify(rows).includes(token));
  assert.equal((await api.ask("POST", "/api/v1/session/link", { body: { token }, headers: own })).status, 403);
});

test("the cookie is marked Secure where the service is reached by https", async () => {
  await using api = await testApi({ FARHAND_PUBLIC_URL: "https://farhand.example.org" });
  const { token } = await addLoginLink(api.db, api.user.id);
  const answer = await api.ask("POST", "/api/v1/session/link", { body: { token }, headers: { origin: "https://farhand.example.org" } });
  assert.match(answer.cookies.join(), /; Secure/);
  const downgraded = await api.ask("POST", "/api/v1/session/link", { body: { token }, headers: { origin: "http://farhand.example.org" } });
  assert.equal(downgraded.body.code, "wrong-origin");
});

test("with a cookie, nothing is changed that a page of ours did not ask for", async () => {
  await using api = await testApi();
  const cookie = await logIn(api, api.user.id);
  const refused = [
    {},
    { origin: "http://evil.example" },
    { origin: "null" },
    { origin: "http://127.0.0.1:9999" },
    { "sec-fetch-site": "cross-site" },
    { "sec-fetch-site": "same-site", origin: ORIGIN },
  ];
  const give = (headers: Record<string, string>) =>
    api.ask("POST", "/api/v1/tasks", { body: { environment: "shop", prompt: "x" }, headers: { cookie, ...headers } });
  for (const headers of refused) assert.deepEqual([(await give(headers)).status, headers], [403, headers]);
  assert.equal((await give(own)).status, 201);
  assert.equal((await give({ "sec-fetch-site": "same-origin" })).status, 201);
  const foreign = { origin: "http://evil.example" };
  const { token } = await addLoginLink(api.db, api.user.id);
  assert.equal((await api.ask("POST", "/api/v1/session/link", { body: { token }, headers: foreign })).status, 403, "nor logged in");
  assert.equal(
    (await api.call(api.ada, "POST", "/api/v1/tasks", { environment: "shop", prompt: "x" }, foreign)).status,
    201,
    "a token is sent on purpose",
  );
});

test("a session ends with logging out; a forged one is nobody", async () => {
  await using api = await testApi();
  const cookie = await logIn(api, api.bobUser.id);
  const me = (sent: string) => api.ask("GET", "/api/v1/me", { headers: { cookie: sent } });
  assert.equal((await me(cookie)).body.name, "Bob");
  assert.equal((await me(`${cookie.slice(0, -12)}AAAAAAAAA%3D`)).status, 401);
  const out = await api.ask("DELETE", "/api/v1/session", { headers: { cookie, ...own } });
  assert.equal(out.status, 204);
  assert.match(out.cookies.join(), /farhand_session=; Max-Age=0/);
  assert.equal((await me(cookie)).status, 401);
});

test("a password: set after a link, used, changed with the old one, and other sessions end", async () => {
  await using api = await testApi();
  const cookie = await logIn(api, api.user.id);
  const set = (current: string | null, next: string, sent = cookie) =>
    api.ask("POST", "/api/v1/me/password", { body: { current, next }, headers: { cookie: sent, ...own } });
  const logInBy = (password: string, email = "Ada@Example.org") =>
    api.ask("POST", "/api/v1/session", { body: { email, password }, headers: own });
  assert.equal((await set(null, "short")).status, 422);
  assert.equal((await set(null, SECRET)).status, 204);
  const by = await logInBy(SECRET);
  assert.equal(by.status, 204);
  const byPassword = cookieOf(by.cookies);
  assert.equal((await api.ask("GET", "/api/v1/me", { headers: { cookie: byPassword } })).body.hasPassword, true);
  const wrong = await logInBy("wrong password");
  const nobody = await logInBy(SECRET, "nobody@example.org");
  assert.deepEqual([wrong.status, wrong.body.detail], [nobody.status, nobody.body.detail]);
  assert.equal(wrong.status, 403);
  assert.equal((await set(null, `${SECRET} 2`, byPassword)).status, 403, "the old one is asked for");
  assert.equal((await set("wrong password", `${SECRET} 2`, byPassword)).status, 403);
  await api.db.query({ text: "alter table audit rename to away", values: [] });
  assert.equal((await set(SECRET, `${SECRET} 2`, byPassword)).status, 500);
  await api.db.query({ text: "alter table away rename to audit", values: [] });
  assert.equal((await api.ask("GET", "/api/v1/me", { headers: { cookie } })).status, 200, "what cannot be recorded is not done");
  assert.equal((await set(SECRET, `${SECRET} 2`, byPassword)).status, 204);
  assert.equal((await api.ask("GET", "/api/v1/me", { headers: { cookie } })).status, 401, "the other session has ended");
  assert.equal((await logInBy(`${SECRET} 2`)).status, 204);
  const fresh = await logIn(api, api.user.id);
  assert.equal((await set(null, `${SECRET} 3`, fresh)).status, 204, "a lost one is replaced after a link");
  assert.equal((await api.call(api.ada, "POST", "/api/v1/me/password", { current: null, next: SECRET })).status, 403, "not with a token");
});

test("an invitation makes one user with the role it names, once", async () => {
  await using api = await testApi();
  const invite = (email: string, token = api.ada) => api.call(token, "POST", "/api/v1/invitations", { email, role: "member" });
  assert.equal((await invite("eve@example.org", api.bob)).status, 403);
  assert.equal((await invite("bob@example.org")).status, 409);
  const old = tokenIn((await invite("eve@example.org")).body);
  const made = await invite("Eve@example.org");
  assert.match(made.body.link, /#invitation=/);
  const accept = (token: string, name = "Eve") =>
    api.ask("POST", "/api/v1/invitations/accept", { body: { token, name, password: SECRET }, headers: own });
  assert.equal((await accept(old)).status, 403, "a later one takes its place");
  const accepted = await accept(tokenIn(made.body));
  assert.equal(accepted.status, 204);
  const me = await api.ask("GET", "/api/v1/me", { headers: { cookie: cookieOf(accepted.cookies) } });
  assert.deepEqual([me.body.name, me.body.email, me.body.role, me.body.hasPassword], ["Eve", "eve@example.org", "member", true]);
  assert.equal((await accept(tokenIn(made.body), "Mallory")).status, 403);
  assert.equal((await api.ask("GET", "/api/v1/users", { headers: { cookie: cookieOf(accepted.cookies) } })).status, 403);
});

test("tries to get in are counted by the real address of the client", async () => {
  await using api = await testApi({ FARHAND_TRUSTED_PROXIES: "10.0.0.0/8" });
  const tryFrom = (remoteAddress: string, said?: string) =>
    api.ask("POST", "/api/v1/session/link", {
      body: { token: "guess" },
      headers: { ...own, ...(said && { "x-forwarded-for": said }) },
      remoteAddress,
    });
  for (let i = 0; i < 20; i++) assert.equal((await tryFrom("203.0.113.5", `198.51.100.${i}`)).status, 403);
  const oneMore = await tryFrom("203.0.113.5", "198.51.100.77");
  assert.deepEqual([oneMore.status, oneMore.body.code, Number(oneMore.headers["retry-after"]) > 0], [429, "too-many", true]);
  assert.equal((await tryFrom("10.0.0.1", "198.51.100.1")).status, 403, "somebody else behind a proxy of ours");
  for (let i = 0; i < 19; i++) await tryFrom("10.0.0.1", "198.51.100.1");
  assert.equal((await tryFrom("10.0.0.1", "198.51.100.1")).status, 429);
  assert.equal((await tryFrom("10.0.0.1", "198.51.100.2")).status, 403);
});

test("guesses at one account are counted together wherever they come from", async () => {
  await using api = await testApi();
  const guess = (i: number) =>
    api.ask("POST", "/api/v1/session", {
      body: { email: "ada@example.org", password: `guess ${i}` },
      headers: own,
      remoteAddress: `198.51.100.${i}`,
    });
  const answers: number[] = [];
  for (let i = 0; i < 31; i++) answers.push((await guess(i)).status);
  assert.deepEqual([answers[29], answers[30]], [403, 429]);
});
