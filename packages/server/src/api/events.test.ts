import assert from "node:assert/strict";
import { test } from "node:test";
import { TaskSummary } from "@farhand/protocol";
import { eventParser } from "../../../protocol/src/event-stream.ts";
import { cancelTask } from "../store/tasks.ts";
import { testApi } from "../testing/api.ts";
import { freePort } from "../testing/farhand.ts";

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
  await cancelTask(api.db, api.bobUser, bobs);
  assert.equal((await bob.next())?.status, "cancelled");
  assert.deepEqual(bob.queue, [], "and of nobody else's");
  bob.leave();
  await api.app.close();
  const rest = () => ada.next().catch(() => null); // a service that stops may cut its connections
  for (let task = await rest(); task; task = await rest()) assert.equal(task.id, bobs);
});
