import assert from "node:assert/strict";
import { test } from "node:test";
import { type MintedToken, TaskPage, TaskSummary, type User } from "@farhand/protocol";
import { testApi } from "../testing/api.ts";

test("a task is given once per idempotency key, and belongs to its user", async () => {
  await using api = await testApi();
  const body = { environment: "shop", prompt: "Fix the footer\n\nIt is broken." };
  const key = { "idempotency-key": "k1" };
  const made = await api.call(api.bob, "POST", "/api/v1/tasks", body, key);
  assert.equal(made.status, 201);
  const task = TaskSummary.parse(made.body);
  assert.deepEqual([task.title, task.status, task.waitingFor], ["Fix the footer", "waiting", { kind: "no-worker" }]);
  assert.equal((await api.call(api.bob, "POST", "/api/v1/tasks", body, key)).body.id, task.id);
  assert.equal((await api.call(api.bob, "POST", "/api/v1/tasks", { ...body, prompt: "Other" }, key)).status, 409);
  assert.equal((await api.call(api.ada, "GET", `/api/v1/tasks/${task.id}`)).status, 200, "an administrator sees all");

  assert.equal((await api.call(api.bob, "POST", `/api/v1/tasks/${task.id}/archive`)).status, 409, "it still waits");
  assert.equal((await api.call(api.bob, "POST", `/api/v1/tasks/${task.id}/cancel`)).body.status, "cancelled");
  assert.equal((await api.call(api.bob, "POST", `/api/v1/tasks/${task.id}/archive`)).body.archived, true);
  assert.deepEqual((await api.call(api.bob, "GET", "/api/v1/tasks")).body.tasks, []);
});

test("lists go on from their cursor without a gap", async () => {
  await using api = await testApi();
  const ids: string[] = [];
  for (let i = 0; i < 7; i++) ids.unshift(await api.give());
  const seen: string[] = [];
  for (let cursor = ""; ; ) {
    const page = TaskPage.parse((await api.call(api.ada, "GET", `/api/v1/tasks?limit=3${cursor && `&cursor=${cursor}`}`)).body);
    seen.push(...page.tasks.map((task) => task.id));
    if (page.cursor === null) break;
    cursor = page.cursor;
  }
  assert.deepEqual(seen, ids);
  assert.equal((await api.call(api.ada, "GET", "/api/v1/tasks?cursor=nonsense")).status, 422);
});

test("what is wrong with a request is said in a problem document that names it", async () => {
  await using api = await testApi();
  const cases = [
    [{ environment: "shop", prompt: "  " }, 422, /prompt.*say what is to be done/],
    [{ environment: "nope", prompt: "x" }, 404, /no environment nope; there are: shop/],
    [{ environment: "shop", prompt: "x", ref: "-oProxyCommand=x" }, 422, /ref.*no valid name/],
    [{ environment: "shop", prompt: "x", nonsense: 1 }, 422, /nonsense/],
    [{ environment: "shop", prompt: "x", model: "gpt" }, 422, /gpt.*script/],
  ] as const;
  for (const [body, status, detail] of cases) {
    const answer = await api.call(api.ada, "POST", "/api/v1/tasks", body);
    assert.deepEqual([answer.status, answer.type], [status, "application/problem+json"]);
    assert.match(answer.body.detail, detail);
  }
  const large = await api.call(api.ada, "POST", "/api/v1/environments", { name: "x".repeat(3_000_000) });
  assert.deepEqual([large.status, large.body.code], [413, "too-large"]);
  assert.equal((await api.call(api.ada, "GET", "/api/v1/nothing")).status, 404);
  assert.equal((await api.call(api.ada, "GET", "/api/v1/me", undefined, { host: "evil.example" })).status, 421);
});

test("users and tokens: administrators add people, a revoked token is refused", async () => {
  await using api = await testApi();
  assert.equal((await api.call(api.bob, "POST", "/api/v1/users", { name: "Eve", email: "eve@example.org" })).status, 403);
  assert.equal((await api.call(api.bob, "POST", "/api/v1/tokens", { name: "x", user: api.user.id })).status, 403);
  const eve = (await api.call(api.ada, "POST", "/api/v1/users", { name: "Eve", email: "eve@example.org" })).body as User;
  const minted = (await api.call(api.ada, "POST", "/api/v1/tokens", { name: "laptop", user: eve.id })).body as MintedToken;
  assert.equal((await api.call(minted.token, "GET", "/api/v1/me")).body.email, "eve@example.org");
  assert.ok(!JSON.stringify((await api.call(minted.token, "GET", "/api/v1/tokens")).body).includes(minted.token));
  assert.equal((await api.call(minted.token, "DELETE", `/api/v1/tokens/${minted.id}`)).status, 204);
  assert.equal((await api.call(minted.token, "GET", "/api/v1/me")).status, 401);
});

test("without a worker, the service says what is missing", async () => {
  await using api = await testApi();
  assert.equal((await api.call(null, "GET", "/healthz")).status, 200);
  assert.deepEqual((await api.call(null, "GET", "/readyz")).body, { ready: false, missing: ["no worker is running"] });
});
