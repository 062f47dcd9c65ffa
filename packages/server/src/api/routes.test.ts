import assert from "node:assert/strict";
import { test } from "node:test";
import { addInvitation } from "../store/invitations.ts";
import { addLoginLink } from "../store/login-links.ts";
import { addUser, listTokens } from "../store/users.ts";
import { type Method, ORIGIN, testApi } from "../testing/api.ts";

/** A status for each caller: nobody, another member, the member whose task it is, an administrator. Everything that is not open is 401 for nobody. */
type Expected = { body?: object; as: readonly [nobody: number, other: number, owner: number, administrator: number] };

const PASSWORD = "correct horse battery";
/** In this order: what ends something comes after what needs it. TASK belongs to the owner; the environment shop and TOKEN to the administrator. */
const ROUTES: Record<string, Expected> = {
  "GET /healthz": { as: [200, 200, 200, 200] },
  "GET /readyz": { as: [503, 503, 503, 503] },
  "GET /metrics": { as: [401, 403, 403, 200] },
  "POST /api/v1/session": { body: { email: "ada@example.org", password: "wrong" }, as: [403, 403, 403, 403] },
  "POST /api/v1/session/link": { body: { token: "wrong" }, as: [403, 403, 403, 403] },
  "POST /api/v1/invitations/accept": { body: { token: "wrong", name: "Eve", password: PASSWORD }, as: [403, 403, 403, 403] },
  "DELETE /api/v1/session": { as: [204, 204, 204, 204] },
  "POST /api/v1/session/links": { as: [401, 201, 201, 201] },
  "POST /api/v1/me/password": { body: { current: null, next: PASSWORD }, as: [401, 403, 403, 403] },
  "PATCH /api/v1/me": { body: { name: "Mallory" }, as: [401, 403, 403, 403] },
  "GET /api/v1/sessions": { as: [401, 200, 200, 200] },
  "DELETE /api/v1/sessions/{id}": { as: [401, 404, 404, 404] },
  "GET /api/v1/invitations": { as: [401, 403, 403, 200] },
  "DELETE /api/v1/invitations/{email}": { as: [401, 403, 403, 204] },
  "GET /api/v1/me": { as: [401, 200, 200, 200] },
  "GET /api/v1/host": { as: [401, 403, 403, 200] },
  "GET /api/v1/start": { as: [401, 200, 200, 200] },
  "POST /api/v1/invitations": { body: { email: "eve@example.org" }, as: [401, 403, 403, 201] },
  "GET /api/v1/users": { as: [401, 403, 403, 200] },
  "POST /api/v1/users": { body: { name: "Eve", email: "eve@example.org" }, as: [401, 403, 403, 201] },
  "GET /api/v1/tokens": { as: [401, 200, 200, 200] },
  "POST /api/v1/tokens": { body: { name: "mine", user: "ADMINISTRATOR" }, as: [401, 403, 403, 201] },
  "GET /api/v1/environments": { as: [401, 200, 200, 200] },
  "GET /api/v1/environments/{environment}": { as: [401, 200, 200, 200] },
  "GET /api/v1/environments/{environment}/estimate": { as: [401, 200, 200, 200] },
  "GET /api/v1/environments/{environment}/versions": { as: [401, 200, 200, 200] },
  "POST /api/v1/environments": { body: { name: "Not A Name", repository: "/srv/x" }, as: [401, 422, 422, 422] },
  "PATCH /api/v1/environments/{environment}": { body: { publish: "always" }, as: [401, 403, 403, 200] },
  "POST /api/v1/environments/{environment}/reset": { as: [401, 403, 403, 200] },
  "GET /api/v1/models": { as: [401, 200, 200, 200] },
  "GET /api/v1/models/settings": { as: [401, 403, 403, 200] },
  "PATCH /api/v1/models/settings": { body: { default: "script" }, as: [401, 403, 403, 200] },
  "PATCH /api/v1/models/providers/{provider}": { body: { models: ["gpt-x"] }, as: [401, 403, 403, 200] },
  "POST /api/v1/models/try": { body: { model: "" }, as: [401, 422, 422, 422] },
  "POST /api/v1/tasks": { body: { environment: "shop", prompt: "Fix it" }, as: [401, 201, 201, 201] },
  "POST /api/v1/environments/{environment}/setup-test": { as: [401, 403, 403, 201] },
  "GET /api/v1/usage": { as: [401, 200, 200, 200] },
  "GET /api/v1/tasks": { as: [401, 200, 200, 200] },
  "GET /api/v1/tasks/{task}": { as: [401, 404, 200, 200] },
  "GET /api/v1/tasks/{task}/transcript": { as: [401, 404, 200, 200] },
  "GET /api/v1/tasks/{task}/events": { as: [401, 404, 200, 200] },
  "GET /api/v1/tasks/{task}/attempts/{number}/patch": { as: [401, 404, 404, 404] },
  "GET /api/v1/tasks/{task}/turns/{turn}/images/{number}": { as: [401, 404, 200, 200] },
  "GET /api/v1/tasks/{task}/outputs/{blob}": { as: [401, 404, 404, 404] },
  "GET /api/v1/tasks/{task}/attempts/{number}/steps": { as: [401, 404, 200, 200] },
  "POST /api/v1/tasks/{task}/publication": { as: [401, 404, 409, 409] },
  "POST /api/v1/tasks/{task}/messages": { body: { text: "And the tests" }, as: [401, 404, 201, 201] },
  "POST /api/v1/tasks/{task}/choice": { body: { attempt: 1 }, as: [401, 404, 409, 409] },
  "POST /api/v1/tasks/{task}/cancel": { as: [401, 404, 200, 200] },
  "POST /api/v1/tasks/{task}/turns": { body: { prompt: "Go on" }, as: [401, 404, 201, 409] },
  "POST /api/v1/tasks/{task}/stop": { as: [401, 404, 200, 200] },
  "POST /api/v1/tasks/{task}/archive": { as: [401, 404, 200, 200] },
  "POST /api/v1/tasks/{task}/unarchive": { as: [401, 404, 200, 200] },
  "POST /api/v1/tasks/{task}/retry": { as: [401, 404, 201, 409] },
  "DELETE /api/v1/tokens/{id}": { as: [401, 404, 404, 204] },
};
/** Answers with a stream that does not end, so it is tried in events.test.ts. */
const STREAM = "GET /api/v1/events";

test("every route, as nobody, as another user, as the owner and as an administrator", async () => {
  await using api = await testApi({ FARHAND_TRUSTED_PROXIES: "127.0.0.1" });
  const other = await addUser(api.db, { name: "Cid", email: "cid@example.org", role: "member" });
  const cid = await api.tokenOf(other);
  const task = await api.give({ images: [{ mediaType: "image/png", bytes: Buffer.from("x") }] }, api.bobUser);
  const token = (await listTokens(api.db, api.user.id))[0]?.id ?? "";
  const values: Record<string, string> = {
    provider: "openai",
    task,
    environment: "shop",
    number: "1",
    email: "gone@example.org",
    turn: "1",
    blob: "blob_1",
    id: token,
  };
  const { paths } = (await api.call(null, "GET", "/api/v1/openapi.json")).body as { paths: Record<string, object> };
  const documented = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  assert.deepEqual(documented.sort(), [...Object.keys(ROUTES), STREAM].sort(), "a new route belongs into this table");

  await addInvitation(api.db, { email: "gone@example.org", role: "member", by: api.user.id });
  const callers = [null, cid, api.bob, api.ada] as const;
  let tries = 0;
  for (const [route, { body, as }] of Object.entries(ROUTES)) {
    const [method, path] = route.split(" ") as [Method, string];
    const url = path.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? assert.fail(name));
    const sent = body && JSON.parse(JSON.stringify(body).replace("ADMINISTRATOR", api.user.id));
    const headers = (): Record<string, string> => ({ accept: "application/json", "x-forwarded-for": `198.51.100.${tries++ % 250}` });
    for (const [i, caller] of callers.entries()) {
      const answer = await api.call(caller, method, url, sent, headers());
      assert.deepEqual([route, i, answer.status], [route, i, as[i]], JSON.stringify(answer.body));
      if (answer.status >= 400 && answer.status !== 503) assert.match(answer.type, /problem\+json/, route);
    }
    if (as[0] === 401) assert.equal((await api.call("fh_wrong", method, url, sent, headers())).status, 401, `${route} with a wrong token`);
  }
  assert.equal((await api.call(null, "GET", STREAM.split(" ")[1] ?? "")).status, 401);
});

test("every route that changes something refuses a session whose request comes from another site", async () => {
  await using api = await testApi();
  const { token } = await addLoginLink(api.db, api.user.id);
  const begun = await api.ask("POST", "/api/v1/session/link", { body: { token }, headers: { origin: ORIGIN } });
  const cookie = begun.cookies[0]?.split(";")[0] ?? "";
  for (const route of Object.keys(ROUTES)) {
    const [method, path] = route.split(" ") as [Method, string];
    if (method === "GET") continue;
    const answer = await api.ask(method, path.replace(/\{(\w+)\}/g, "1"), {
      body: {},
      headers: { cookie, origin: "http://localhost:7421" },
    });
    assert.deepEqual([route, answer.status, answer.body.code], [route, 403, "wrong-origin"]);
  }
  assert.equal((await api.ask("GET", "/api/v1/me", { headers: { cookie } })).status, 200, "the session is as it was");
});

test("every route, by a token of each scope", async () => {
  await using api = await testApi({ FARHAND_TRUSTED_PROXIES: "127.0.0.1" });
  const [read, tasks] = await Promise.all([api.tokenOf(api.bobUser, "read"), api.tokenOf(api.bobUser, "tasks")]);
  const task = await api.give({}, api.bobUser);
  const values: Record<string, string> = { task, environment: "shop" };
  for (const [route, { as }] of Object.entries(ROUTES)) {
    if (as[0] !== 401) continue;
    const [method, path] = route.split(" ") as [Method, string];
    const url = path.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "1");
    const codes = [];
    for (const token of [read, tasks]) {
      const answer = await api.call(token, method, url, method === "GET" ? undefined : {}, { accept: "application/json" });
      codes.push(answer.status === 403 && answer.body.code === "wrong-scope" ? "no" : "yes");
      if (codes.at(-1) === "no") assert.match(answer.body.detail, /this token may only/);
    }
    const controls = path.startsWith("/api/v1/tasks");
    assert.deepEqual([route, ...codes], [route, method === "GET" ? "yes" : "no", method === "GET" || controls ? "yes" : "no"]);
  }
});
