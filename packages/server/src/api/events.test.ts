import assert from "node:assert/strict";
import { test } from "node:test";
import { TaskSummary } from "@farhand/protocol";
import { eventParser } from "../../../protocol/src/event-stream.ts";
import { claim } from "../store/leases.ts";
import { addLoginLink } from "../store/login-links.ts";
import { cancelTask } from "../store/tasks.ts";
import { mintToken } from "../store/users.ts";
import { workerSeen } from "../store/workers.ts";
import { testApi } from "../testing/api.ts";
import { freePort } from "../testing/free-port.ts";

/** Reads the stream of the list of this token; `next` waits for one more task. */
async function listen(url: string, token: string) {
  const leave = new AbortController();
  const response = await fetch(`${url}/api/v1/events`, {
    headers: { authorization: `Bearer ${token}` },
    signal: leave.signal,
  });
  assert.equal(response.headers.get("content-type"), "text/event-stream");
  const parse = eventParser();
  const reader = (response.body ?? assert.fail("no body")).pipeThrough(new TextDecoderStream()).getReader();
  const queue: TaskSummary[] = [];
  return {
    queue,
    leave: () => leave.abort(),
    async next(): Promise<TaskSummary | null> {
      while (queue.length === 0) {
        const { done, value } = await reader.read();
        if (done) return null;
        queue.push(...parse(value).map((data) => TaskSummary.parse(JSON.parse(data))));
      }
      return queue.shift() ?? null;
    },
  };
}

test("the stream of the list tells of each change of one's own tasks, administrators of all", async () => {
  const port = await freePort();
  await using api = await testApi({ FARHAND_PORT: String(port) });
  const url = await api.app.listen({ host: "127.0.0.1", port });
  const [ada, bob] = await Promise.all([listen(url, api.ada), listen(url, api.bob)]);
  const adas = await api.give();
  const bobs = await api.give({}, api.bobUser);
  const seen = [await ada.next(), await ada.next()].map((task) => task?.id);
  assert.deepEqual(seen.sort(), [adas, bobs].sort());
  const first = await bob.next();
  assert.deepEqual([first?.id, first?.status], [bobs, "waiting"]);
  await api.db.transaction((tx) => cancelTask(tx, api.bobUser, bobs));
  assert.equal((await bob.next())?.status, "cancelled");
  assert.deepEqual(bob.queue, [], "and of nobody else's");
  bob.leave();
  await api.app.close();
  const rest = () => ada.next().catch(() => null); // a service that stops may cut its connections
  for (let task = await rest(); task; task = await rest()) assert.equal(task.id, bobs);
});

test("why a task waits is told anew when another one changes", async () => {
  const port = await freePort();
  await using api = await testApi({ FARHAND_PORT: String(port), FARHAND_MAX_RUNS_PER_USER: "1" });
  await workerSeen(api.db, "w", [], []);
  const url = await api.app.listen({ host: "127.0.0.1", port });
  const running = await api.give();
  await claim(api.db, "w", 60_000, { maxRuns: 9, maxRunsPerUser: 1, maxRunsPerWorker: 9 });
  const waiting = await api.give();
  const list = await listen(url, api.ada);
  await api.db.query({ text: "select pg_notify('farhand_task', $1)", values: [running] });
  const told = async (id: string) => {
    for (let task = await list.next(); task; task = await list.next()) if (task.id === id) return task;
    return assert.fail("the stream ended");
  };
  assert.deepEqual((await told(waiting)).waitingFor, { kind: "user-limit", limit: 1 });
  await api.db.query({ text: "update attempt set state = 'cancelled' where task_id = $1", values: [running] });
  await api.db.query({ text: "select pg_notify('farhand_task', $1)", values: [running] });
  assert.deepEqual((await told(waiting)).waitingFor, { kind: "worker" });
  list.leave();
});

test("a stream ends with the token or session that opened it", async () => {
  const port = await freePort();
  await using api = await testApi({ FARHAND_PORT: String(port) });
  const url = await api.app.listen({ host: "127.0.0.1", port });
  const begin = async () => {
    const { token } = await addLoginLink(api.db, api.bobUser.id);
    const begun = await api.ask("POST", "/api/v1/session/link", {
      body: { token },
      headers: { origin: api.config.publicUrl, host: new URL(url).host },
    });
    return begun.cookies[0]?.split(";")[0] ?? assert.fail(JSON.stringify(begun.body));
  };
  const bobs = await api.give({}, api.bobUser);
  const open = async (headers: Record<string, string>, path = "/events") => {
    const response = await fetch(`${url}/api/v1${path}`, { headers });
    assert.equal(response.status, 200);
    const reader = (response.body ?? assert.fail("no body")).getReader();
    return async () => {
      for (let piece = await reader.read(); !piece.done; ) piece = await reader.read();
    };
  };
  const minted = await mintToken(api.db, api.bobUser.id, "other");
  const [cookie, second, third] = [await begin(), await begin(), await begin()];
  const byToken = await open({ authorization: `Bearer ${minted.token}` });
  const ofTask = await open({ authorization: `Bearer ${minted.token}` }, `/tasks/${bobs}/events`);
  const stays = await open({ authorization: `Bearer ${api.bob}` }, `/tasks/${bobs}/events`);
  const bySession = await open({ cookie });
  const expiring = await open({ cookie: second }, `/tasks/${bobs}/events`);
  await api.call(api.bob, "DELETE", `/api/v1/tokens/${minted.id}`, undefined, { host: new URL(url).host });
  await byToken();
  await ofTask();
  const { body } = await api.ask("GET", "/api/v1/sessions", { headers: { cookie: third, host: new URL(url).host } });
  assert.equal(body.sessions.length, 3);
  await api.db.query({
    text: "delete from session where token = $1",
    values: [decodeURIComponent(cookie.split("=")[1] ?? "").split(".")[0]],
  });
  await bySession();
  await api.db.query({ text: "update session set expires_at = now()", values: [] });
  await api.db.query({
    text: "select pg_terminate_backend(pid) from pg_stat_activity where query ilike 'listen%' and datname = current_database()",
    values: [],
  });
  await expiring(); // what may have been missed is looked up
  const late = Promise.race([stays().then(() => "ended"), new Promise((done) => setImmediate(done, "open"))]);
  assert.equal(await late, "open", "another token of the same user is another token");
});
