import assert from "node:assert/strict";
import { test } from "node:test";
import type { EventBody } from "@farhand/protocol";
import type { Checkpoint } from "../domain/checkpoint.ts";
import { someoneWaits, testStore } from "../testing/store.ts";
import { lastTree, stepsKept } from "./checkpoints.ts";
import { readConversation } from "./conversation.ts";
import { type Db, sql } from "./db.ts";
import { changeEnvironment, environmentOfTask, getEnvironment } from "./environments.ts";
import { readEvents } from "./event-log.ts";
import { appendRunEvents, claim, type Lease, noteKept, renew, settle } from "./leases.ts";
import { askPublication, claimPublication, settlePublication } from "./publications.ts";
import { addReply, waitingReplies } from "./replies.ts";
import { cancelTask, getTask, setArchived, stopTask } from "./tasks.ts";
import { chooseAttempt, createTurn, lastAttempts, retryTurn, type TurnDraft } from "./turns.ts";

const WIDE = { maxRuns: 100, maxRunsPerUser: 100, maxRunsPerWorker: 100 };
const STATS = { files: 1, added: 1, removed: 0 };

async function claimed(db: Db): Promise<Lease> {
  const lease = await claim(db, "w1", 60_000, WIDE);
  assert.ok(lease);
  return lease;
}

/** The attempts of one task are queued in the same moment. */
async function claimedInOrder(db: Db, count: number): Promise<Lease[]> {
  const leases: Lease[] = [];
  while (leases.length < count) leases.push(await claimed(db));
  return leases.sort((a, b) => a.attempt - b.attempt);
}

async function succeed(db: Db, lease: Lease, stopped = false): Promise<void> {
  const blob = `blob_${lease.attemptId}`;
  await db.query(sql`insert into blob (id, task_id, kind, bytes) values (${blob}, ${lease.taskId}, 'patch', 1)`);
  await db.query(sql`update task set base_commit = 'c0ffee' where id = ${lease.taskId}`);
  await settle(db, lease, { kind: "succeeded", patch: { blob, bytes: 1 }, stats: STATS, ...(stopped && { stopped }) });
}

async function scene() {
  const store = await testStore();
  const { db, user } = store;
  return {
    ...store,
    task: (id: string) => getTask(db, user, id, { maxRuns: 50, maxRunsPerUser: 10 }),
    say: (id: string, text: string, attempt: number | null = null) => db.transaction((tx) => addReply(tx, user, id, text, attempt)),
    followUp: (id: string, draft: Partial<TurnDraft> & { prompt: string }) =>
      db.transaction((tx) => createTurn(tx, user, id, { attempts: 1, ...draft })),
    publish: (id: string, attempt: number | null = null) => db.transaction((tx) => askPublication(tx, id, user.id, attempt)),
    types: async (id: string) => (await readEvents(db, id, 0)).map(({ body }) => body.type),
  };
}

test("attempts stand side by side; one is chosen, by name or because it is the only one that succeeded", async () => {
  await using here = await scene();
  const { db, user } = here;
  const id = await here.give({ attempts: 3 });
  const leases = await claimedInOrder(db, 3);
  assert.deepEqual(
    leases.map((lease) => lease.attempt),
    [1, 2, 3],
  );
  await assert.rejects(here.followUp(id, { prompt: "more" }), /still works/);
  for (const lease of leases.slice(0, 2)) await succeed(db, lease);
  await settle(db, leases[2] as Lease, { kind: "failed", reason: { kind: "gave-up", detail: "x" }, patch: null, stats: null });
  assert.equal((await here.task(id)).statusText, "2 attempts to choose from");

  await assert.rejects(here.publish(id), /say which one/);
  await assert.rejects(here.followUp(id, { prompt: "more" }), /say which one.*there are 1, 2$/);
  await assert.rejects(
    db.transaction((tx) => chooseAttempt(tx, user, id, 3)),
    /has not succeeded/,
  );
  await assert.rejects(
    db.transaction((tx) => chooseAttempt(tx, user, id, 4)),
    /no attempt 4/,
  );
  await db.transaction((tx) => chooseAttempt(tx, user, id, 2));
  await db.transaction((tx) => chooseAttempt(tx, user, id, 2));
  assert.equal((await here.types(id)).filter((type) => type === "turn.chosen").length, 1);
  assert.deepEqual([(await here.task(id)).chosen, (await here.task(id)).statusText], [2, "ready to review"]);

  await here.followUp(id, { prompt: "more", attempts: 2 });
  const task = await here.task(id);
  assert.deepEqual([task.turn, task.attempts.length, task.chosen, task.status], [2, 2, null, "waiting"]);
  const follows = await db.query<{ follows: string }>(sql`select follows from attempt where task_id = ${id} and turn = 2`);
  assert.deepEqual(
    follows.map((row) => row.follows),
    [leases[1]?.attemptId, leases[1]?.attemptId],
  );
});

test("a task is titled as its change is described, by the chosen attempt or the first that succeeded, unless somebody gave it a title", async () => {
  await using here = await scene();
  const { db, user } = here;
  const told = async (lease: Lease, title: string | null) => {
    if (title !== null) {
      const usage = { inputTokens: 1, cachedTokens: null, outputTokens: 1, reasoningTokens: null, costUsd: null };
      await appendRunEvents(db, lease, 0, [{ type: "change.described", step: 1, title, text: "", usage, durationMs: 1 }]);
    }
    await succeed(db, lease);
  };
  const id = await here.give({ title: "please do", titleGiven: false, attempts: 2 });
  const title = async () => (await here.task(id)).title;
  const [one, two] = (await claimedInOrder(db, 2)) as [Lease, Lease];
  await told(two, "Do it well");
  assert.equal(await title(), "Do it well");
  await told(one, "Do it better");
  assert.equal(await title(), "Do it well", "the first that succeeded");
  await db.transaction((tx) => chooseAttempt(tx, user, id, 1));
  assert.equal(await title(), "Do it better");

  await here.followUp(id, { prompt: "more" });
  assert.equal(await title(), "Do it better");
  await told(await claimed(db), null);
  assert.equal(await title(), "Do it better", "the change was not described");
  await here.followUp(id, { prompt: "and more" });
  await told(await claimed(db), "Do all of it");
  const titles = (await readEvents(db, id, 0)).flatMap(({ body }) => (body.type === "task.titled" ? [body.title] : []));
  assert.deepEqual([await title(), titles], ["Do all of it", ["Do it well", "Do it better", "Do all of it"]]);

  const named = await here.give({ title: "Mine" });
  await told(await claimed(db), "Theirs");
  assert.equal((await here.task(named)).title, "Mine");
});

test("a turn that failed is asked again from where it began; one with a result is not", async () => {
  await using here = await scene();
  const { db, user } = here;
  const retry = (id: string) => db.transaction((tx) => retryTurn(tx, user, id));
  const fail = (lease: Lease) => settle(db, lease, { kind: "failed", reason: { kind: "gave-up", detail: "x" }, patch: null, stats: null });
  const id = await here.give({ title: "Mine", prompt: "one", limits: { costUsd: 2 } });
  await assert.rejects(retry(id), /still works/);
  const first = await claimed(db);
  await appendRunEvents(db, first, 0, [{ type: "message", step: 1, text: "no" }], [{ role: "assistant", text: "no", calls: [] }]);
  await fail(first);
  await retry(id);
  const again = await claimed(db);
  assert.deepEqual([again.turn, again.follows, again.prompt], [2, null, "one"]);
  assert.deepEqual(await readConversation(db, again.attemptId), [{ prompt: "one", images: [], messages: [] }]);
  await succeed(db, again);
  await assert.rejects(retry(id), /has a result/);

  const image = { mediaType: "image/png", bytes: Buffer.from("x") } as const;
  await db.transaction((tx) =>
    createTurn(tx, user, id, { prompt: "two", attempts: 2, mode: "ask", limits: { steps: 7, costUsd: null }, images: [image] }),
  );
  const [one, two] = (await claimedInOrder(db, 2)) as [Lease, Lease];
  await fail(one);
  await cancelTask(db, user, id);
  await settle(db, two, { kind: "cancelled" });
  await setArchived(db, user, id, true);
  await assert.rejects(retry(id), /is archived/);
  await setArchived(db, user, id, false);
  const tries = await Promise.allSettled([retry(id), retry(id)]);
  assert.deepEqual(tries.map(({ status }) => status).sort(), ["fulfilled", "rejected"], "two at once open one turn");
  const [third, fourth] = (await claimedInOrder(db, 2)) as [Lease, Lease];
  for (const lease of [third, fourth])
    assert.deepEqual([lease.turn, lease.follows, lease.prompt, lease.mode, lease.limits], [4, again.attemptId, "two", "ask", { steps: 7 }]);
  assert.deepEqual(
    (await readConversation(db, third.attemptId)).map(({ prompt, images }) => [prompt, images.length]),
    [
      ["one", 0],
      ["two", 1],
    ],
  );
  const started = (await readEvents(db, id, 0)).flatMap(({ body }) => (body.type === "turn.started" ? [body] : [])).at(-1);
  const told = { turn: 4, prompt: "two", by: user.name, attempts: 2, retryOf: 3, model: "script", mode: "ask", images: 1 };
  assert.deepEqual(started, { type: "turn.started", ...told });
});

test("a turn that goes back to a step has the conversation and the tree of that time; so has one that tries it again", {
  timeout: 120_000,
}, async () => {
  await using here = await scene();
  const { db, user } = here;
  const id = await here.give();
  const lease = await claimed(db);
  const usage = { inputTokens: 1, cachedTokens: null, outputTokens: 1, reasoningTokens: null, costUsd: null };
  let offset = 0;
  const store = async (event: EventBody, said: object[] = [], checkpoint: Checkpoint | null = null) =>
    appendRunEvents(db, lease, offset++, [event], said, checkpoint);
  const step = async (number: number, ...saved: (Checkpoint | null)[]) => {
    await store({ type: "step.started", step: number, model: "script" });
    await store({ type: "step.answered", step: number, usage, durationMs: 1 }, [{ role: "assistant", text: `step ${number}`, calls: [] }]);
    for (const [at, checkpoint] of saved.entries()) {
      const call = `${number}.${at + 1}`;
      const finished = { isError: false, result: "ok", exit: null, durationMs: 1, output: null };
      await store({ type: "tool.finished", call, ...finished }, [{ role: "tool", call, text: "ok" }], checkpoint);
    }
  };
  await step(1, { tree: "tree1", packs: [] }, null);
  await step(2, null);
  await step(3, { tree: "tree3a", packs: [] }, { tree: "tree3b", packs: [] });
  await step(4, { tree: "tree4", packs: [] }, { lost: "no room" });
  await step(5);
  await succeed(db, lease);
  const kept = await stepsKept(db, id, { id: lease.attemptId, turn: 1, number: 1 });
  const steps = kept.map((one) => one.step);
  assert.deepEqual(steps, [1, 3], "not one without a tree of its own, nor one whose last tree was lost");
  await assert.rejects(here.followUp(id, { prompt: "back", fromStep: 2 }), /go back to 1, 3$/);

  let tooLate = Promise.resolve();
  await db.transaction(async (tx) => {
    await tx.query(sql`select id from task where id = ${id} for update`); // as who removes what is old does
    tooLate = assert.rejects(here.followUp(id, { prompt: "back", fromStep: 1 }), /go back to 3$/);
    const waiting = sql`select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
    while ((await db.query(waiting)).length === 0);
    await tx.query(sql`update checkpoint set tree = null where tree = 'tree1'`);
  });
  await tooLate;

  await here.followUp(id, { prompt: "back", fromStep: 3 });
  const hears = async (back: Lease) => {
    assert.deepEqual(await lastTree(db, back.follows ?? "", back.followsUntil), { tree: "tree3b", packs: [] });
    const [before, now] = await readConversation(db, back.attemptId);
    assert.deepEqual([before?.messages.length, now?.prompt], [8, "back"], "three replies and five results");
  };
  const back = await claimed(db);
  await hears(back);
  await settle(db, back, { kind: "failed", reason: { kind: "gave-up", detail: "x" }, patch: null, stats: null });
  assert.deepEqual(await lastTree(db, back.attemptId), { tree: "tree3b", packs: [] }, "it had changed nothing of that");
  await db.transaction((tx) => retryTurn(tx, user, id));
  await hears(await claimed(db));
  await db.query(sql`delete from checkpoint where attempt_id = ${lease.attemptId} and tree ~ 'tree[13]'`);
  assert.equal(await lastTree(db, back.attemptId), "lost", "never another one instead");
});

test("each turn works by its environment as it is then, while that has the same repository", async () => {
  await using here = await scene();
  const { db, user } = here;
  const edit = async (task: string, change: object) => {
    const { id, version } = await getEnvironment(db, "shop");
    const { spec } = await environmentOfTask(db, task);
    await changeEnvironment(db, id, version, { spec: { ...spec, ...change }, sealedToken: undefined, by: user.id, byAdministrator: true });
  };
  const id = await here.give();
  await edit(id, { setup: "true" });
  assert.equal((await environmentOfTask(db, id)).version, 1, "what runs is not touched");
  await succeed(db, await claimed(db));
  await here.followUp(id, { prompt: "more" });
  assert.equal((await environmentOfTask(db, id)).version, 2);
  await succeed(db, await claimed(db));
  await edit(id, { repository: "/srv/other.git" });
  await here.followUp(id, { prompt: "and more" });
  assert.equal((await environmentOfTask(db, id)).version, 2);
  const versions = (await readEvents(db, id, 0)).flatMap(({ body }) => (body.type === "turn.started" ? [body.environmentVersion] : []));
  assert.deepEqual(versions, [undefined, 2, undefined]);
});

test("two who go on at once open one turn", async () => {
  await using here = await scene();
  const id = await here.give();
  await succeed(here.db, await claimed(here.db));
  const tries = await Promise.allSettled(["a", "b"].map((prompt) => here.followUp(id, { prompt })));
  assert.deepEqual(tries.map((one) => one.status).sort(), ["fulfilled", "rejected"]);
  assert.equal((await here.task(id)).turn, 2);
});

test("what is said is given until it stands in the conversation, to those it was meant for", async () => {
  await using here = await scene();
  const { db } = here;
  const id = await here.give({ attempts: 2 });
  const [first, second] = (await claimedInOrder(db, 2)) as [Lease, Lease];
  await here.say(id, "to all");
  await here.say(id, "to the second", 2);
  const texts = async (lease: Lease) => (await waitingReplies(db, lease.attemptId)).map((reply) => reply.text);
  assert.deepEqual([await texts(first), await texts(second)], [["to all"], ["to all", "to the second"]]);
  const [reply] = await waitingReplies(db, first.attemptId);
  const given = { type: "reply.given", reply: reply?.id ?? "" } as const;
  await appendRunEvents(db, first, 0, [given], [{ role: "user", text: "to all", reply: reply?.id }]);
  assert.deepEqual([await texts(first), (await texts(second)).length], [[], 2]);

  await succeed(db, second);
  assert.equal((await here.types(id)).filter((type) => type === "reply.missed").length, 2);
  await assert.rejects(here.say(id, "late", 2), /attempt 2 .* does not work any more/);
  await succeed(db, first);
  await assert.rejects(here.say(id, "late"), /begins the next turn/);
  assert.equal((await here.task(id)).turn, 1, "where there is something to choose, nothing goes on by itself");
});

test("what comes too late for the only attempt begins the next turn, unless it was stopped", async () => {
  await using here = await scene();
  const { db } = here;
  const id = await here.give();
  const lease = await claimed(db);
  await here.say(id, "one thing");
  await here.say(id, "another");
  await succeed(db, lease);
  assert.deepEqual([(await here.task(id)).turn, (await here.task(id)).status], [2, "waiting"]);
  const next = await claimed(db);
  assert.deepEqual([next.prompt, next.turn], ["one thing\n\nanother", 2]);
  await here.say(id, "a third");
  await succeed(db, next, true);
  const task = await here.task(id);
  assert.deepEqual([task.turn, task.statusText], [2, "stopped: ready to review"]);
});

test("stop cancels what has not begun, and asks what runs to come to its end", async () => {
  await using here = await scene();
  const { db, user } = here;
  const id = await here.give({ attempts: 2 });
  const lease = await claimed(db);
  await db.transaction((tx) => stopTask(tx, user, id));
  await db.transaction((tx) => stopTask(tx, user, id));
  const asked = (await here.types(id)).filter((type) => type === "stop.requested" || type === "attempt.cancelled");
  assert.deepEqual(asked, ["stop.requested", "attempt.cancelled"]);
  await db.transaction((tx) => cancelTask(tx, user, id));
  await settle(db, lease, { kind: "cancelled" });
  assert.equal((await here.task(id)).status, "cancelled");
});

test("stop keeps what an attempt has done that waits to go on", async () => {
  await using here = await scene();
  const { db, user } = here;
  const id = await here.give();
  await settle(db, await claimed(db), { kind: "interrupted", detail: "its worker was stopped" });
  await db.transaction((tx) => stopTask(tx, user, id));
  assert.equal((await here.task(id)).status, "waiting");
  const lease = await claimed(db);
  assert.equal(await renew(db, lease, 60_000), "stop-requested", "its next run comes to its end at once");
  await succeed(db, lease, true);
  assert.equal((await here.task(id)).statusText, "stopped: ready to review");
});

test("by policy a turn that ends while the one before is being published is published after it", async () => {
  await using here = await scene();
  const { db } = here;
  await db.query(sql`update environment_version set publish = 'always'`);
  const id = await here.give();
  await succeed(db, await claimed(db));
  const first = await claimPublication(db, "w1", 60_000);
  assert.ok(first);
  await here.followUp(id, { prompt: "more" });
  const next = await claimed(db);
  await succeed(db, next);
  assert.equal((await here.task(id)).attempts[0]?.state, "succeeded");
  assert.equal(await claimPublication(db, "w1", 60_000), null);
  await settlePublication(db, first, { state: "published", commit: "aaaa" });
  const second = await claimPublication(db, "w1", 60_000);
  assert.deepEqual([second?.pushed, second?.patchBlob], ["aaaa", `blob_${next.attemptId}`]);
  await settlePublication(db, second ?? assert.fail(), { state: "failed", detail: "somebody pushed" });
  assert.equal(await claimPublication(db, "w1", 60_000), null, "what failed is tried again by people only");
});

test("whoever ends a publication and whoever asks for the next wait for each other, not in a circle", async () => {
  await using here = await scene();
  const { db, user } = here;
  const id = await here.give({ attempts: 2 });
  const leases = await claimedInOrder(db, 2);
  for (const lease of leases) await succeed(db, lease);
  await here.publish(id, 1);
  const first = await claimPublication(db, "w1", 60_000);
  assert.ok(first);
  let ending: Promise<void> | undefined;
  const asking = db.transaction(async (tx) => {
    await chooseAttempt(tx, user, id, 2);
    ending = settlePublication(db, first, { state: "published", commit: "aaaa" });
    await someoneWaits(db);
    await askPublication(tx, id, user.id, 2);
  });
  await assert.rejects(asking, /another attempt .* is being published/);
  await ending;
  await here.publish(id, 2);
});

test("whoever waited for the last turn's attempts holds those of a turn that was opened meanwhile", async () => {
  await using here = await scene();
  const { db, user } = here;
  const id = await here.give();
  await succeed(db, await claimed(db));
  let holding: Promise<void> | undefined;
  await db.transaction(async (tx) => {
    await createTurn(tx, user, id, { prompt: "more", attempts: 1 });
    holding = db.transaction(async (other) => {
      const [attempt] = await lastAttempts(other, id);
      assert.equal(attempt?.turn, 2);
      assert.deepEqual(await db.query(sql`select id from attempt where id = ${attempt?.id} for update skip locked`), []);
    });
    await someoneWaits(db);
  });
  await holding;
  await assert.rejects(
    db.transaction((tx) => setArchived(tx, user, id, true)),
    /still works/,
  );
});

test("a later turn's change is published to the same branch, over what was pushed last", async () => {
  await using here = await scene();
  const { db } = here;
  const id = await here.give();
  await succeed(db, await claimed(db));
  await here.publish(id);
  const first = await claimPublication(db, "w1", 60_000);
  assert.ok(first);
  await settlePublication(db, first, { state: "published", commit: "aaaa" });
  assert.equal((await here.task(id)).status, "published");
  await here.publish(id);
  assert.equal(await claimPublication(db, "w1", 60_000), null, "it is published already");

  await here.followUp(id, { prompt: "more" });
  const next = await claimed(db);
  await succeed(db, next);
  assert.equal((await here.task(id)).status, "ready");
  await here.publish(id);
  const second = await claimPublication(db, "w1", 60_000);
  assert.ok(second);
  assert.deepEqual([second.branch, second.pushed, second.patchBlob], [first.branch, "aaaa", `blob_${next.attemptId}`]);
  await settlePublication(db, second, { state: "failed", detail: "somebody pushed" });
  const task = await here.task(id);
  assert.deepEqual([task.status, task.publication?.turn], ["needs-you", 2]);
});

test("a question holds no worker; its answer is the call's result, and stop and cancel end the wait", async () => {
  await using here = await scene();
  const { db, user } = here;
  const question = { call: "3.1", id: "call_1", text: "Keep cookies?\nThey are old.", options: ["yes", "no"] };
  const ask = async (lease: Lease) => {
    const patch = `blob_${lease.attemptId}`;
    await db.query(sql`insert into blob (id, task_id, kind, bytes) values (${patch}, ${lease.taskId}, 'patch', 1) on conflict do nothing`);
    await settle(db, lease, { kind: "asks", question, patch, stats: STATS });
  };
  const id = await here.give();
  await ask(await claimed(db));
  const asking = await here.task(id);
  assert.deepEqual([asking.status, asking.statusText], ["needs-you", "asks: Keep cookies?"]);
  assert.equal(await claim(db, "w1", 60_000, WIDE), null);
  await assert.rejects(here.followUp(id, { prompt: "more" }), /still works/);
  await here.say(id, "no");
  const lease = await claimed(db);
  const [exchange] = await readConversation(db, lease.attemptId);
  assert.deepEqual(exchange?.messages, [{ role: "tool", call: "call_1", tool: "ask_user", text: "no", isError: false, exit: null }]);
  assert.deepEqual([lease.run, (await waitingReplies(db, lease.attemptId)).length], [2, 0]);

  await ask(lease);
  await db.transaction((tx) => stopTask(tx, user, id));
  const stopped = await here.task(id);
  assert.deepEqual([stopped.statusText, (await here.types(id)).at(-1)], ["stopped: ready to review", "attempt.succeeded"]);

  const other = await here.give();
  await ask(await claimed(db));
  await db.transaction((tx) => cancelTask(tx, user, other));
  assert.equal((await here.task(other)).status, "cancelled");
});

test("what follows on a sandbox that a worker keeps is left to that worker, for a while", async () => {
  await using at = await scene();
  const id = await at.give();
  const first = await claimed(at.db);
  await noteKept(at.db, first, "w1", 60_000);
  await succeed(at.db, first);
  await at.followUp(id, { prompt: "More", attempts: 2 });
  assert.equal(await claim(at.db, "w2", 60_000, WIDE), null);
  assert.equal((await claim(at.db, "w1", 60_000, WIDE))?.follows, first.attemptId);
  await at.db.query(sql`update attempt set queued_at = queued_at - interval '6 seconds' where state = 'queued'`);
  assert.equal((await claim(at.db, "w2", 60_000, WIDE))?.follows, first.attemptId, "it had its time");
});
