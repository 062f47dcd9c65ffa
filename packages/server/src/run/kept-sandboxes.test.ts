import assert from "node:assert/strict";
import { test } from "node:test";
import { pino } from "pino";
import { SandboxLost } from "../sandbox/sandbox.ts";
import { type Kept, keptSandboxes } from "./kept-sandboxes.ts";

const log = pino({ level: "silent" });
const HOUR_MS = 3_600_000;

/** Sandboxes that note what was done with them. */
function sandboxes() {
  const done: string[] = [];
  const lose = new Map<string, () => void>();
  const one = (attemptId: string, taskId = "task"): Kept => {
    const lost = new AbortController();
    lose.set(attemptId, () => lost.abort(new SandboxLost("gone")));
    const sandbox = {
      run: attemptId,
      exec: () => assert.fail("nobody works in it"),
      watchedBy: async (watch: unknown) => void done.push(`${attemptId} ${watch === null ? "shut" : "open"}`),
      lost: lost.signal,
      [Symbol.asyncDispose]: async () => {},
    };
    const made = { [Symbol.asyncDispose]: async () => void done.push(`${attemptId} ended`) };
    return { taskId, attemptId, terms: "same", sandbox, checkpoints: {} as Kept["checkpoints"], made };
  };
  return { one, done, lose: (attemptId: string) => lose.get(attemptId)?.() };
}

test("what is kept reaches nothing, and is handed over once, to whoever would have made it by the same terms", async () => {
  const { one, done } = sandboxes();
  await using kept = keptSandboxes(HOUR_MS, () => 4, log);
  await kept.keep(one("a"));
  await kept.keep(one("b"));
  assert.deepEqual(done, ["a shut", "b shut"]);
  assert.equal(kept.take("a", "same")?.attemptId, "a");
  assert.equal(kept.take("a", "same"), null);
  assert.equal(kept.take("b", "others"), null);
  assert.deepEqual(done.slice(2), ["b ended"]);
});

test("beyond what there is room for, the oldest go, but not the one that is about to be taken up", async () => {
  const { one, done } = sandboxes();
  let room = 2;
  await using kept = keptSandboxes(HOUR_MS, () => room, log);
  for (const id of ["a", "b", "c"]) await kept.keep(one(id));
  assert.deepEqual([..."abc"].map(kept.has), [false, true, true]);
  kept.makeRoom(0, "b");
  assert.deepEqual([..."abc"].map(kept.has), [false, true, false]);
  room = 0;
  await kept.keep(one("d"));
  assert.deepEqual([kept.has("b"), kept.has("d")], [false, false]);
  assert.deepEqual(done.filter((what) => what.endsWith("ended")).sort(), ["a ended", "b ended", "c ended", "d ended"]);
});

test("one goes with its task, its machine, its time and its worker", async () => {
  const { one, done, lose } = sandboxes();
  const kept = keptSandboxes(HOUR_MS, () => 4, log);
  await kept.keep(one("a"));
  await kept.keep(one("b", "other"));
  await kept.keep(one("c", "other"));
  assert.equal(await kept.dropAll("task"), 1);
  lose("b");
  assert.deepEqual([kept.has("a"), kept.has("b"), kept.has("c")], [false, false, true]);
  await kept[Symbol.asyncDispose]();
  await kept.keep(one("late"));
  assert.deepEqual(done.filter((what) => what.endsWith("ended")).sort(), ["a ended", "b ended", "c ended", "late ended"]);

  await using brief = keptSandboxes(1, () => 4, log);
  const { promise, resolve } = Promise.withResolvers<void>();
  await brief.keep({ ...one("short"), made: { [Symbol.asyncDispose]: async () => resolve() } });
  await promise;
  assert.equal(brief.has("short"), false);
});
