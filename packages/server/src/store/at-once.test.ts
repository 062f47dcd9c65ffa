import assert from "node:assert/strict";
import { test } from "node:test";
import { taskView } from "@farhand/protocol";
import { newId } from "../domain/id.ts";
import { UserError } from "../domain/user-error.ts";
import { testStore } from "../testing/store.ts";
import { stepsKept } from "./checkpoints.ts";
import { type Db, sql } from "./db.ts";
import { changeEnvironment, getEnvironment } from "./environments.ts";
import { appendRunEvents, claim, giveBackRuns, type Lease, LeaseLost, renew, settle } from "./leases.ts";
import { askPublication, claimPublication, giveBackPublications, renewPublication, settlePublication } from "./publications.ts";
import { addReply } from "./replies.ts";
import { removeOld } from "./retention.ts";
import { cancelTask, getTask, setArchived, stopTask } from "./tasks.ts";
import { thinCheckpoints } from "./thin-checkpoints.ts";
import { chooseAttempt, createTurn, lastAttempts, retryTurn } from "./turns.ts";

const WIDE = { maxRuns: 100, maxRunsPerUser: 100, maxRunsPerWorker: 100 };
const ACTORS = 9; // one connection each, and one is left to look on
const DEEDS = 100;
const pick = <T>(from: readonly T[]): T => from[Math.floor(Math.random() * from.length)] as T;

/** Blobs are stored by a run before it names them. */
async function stored(db: Db, taskId: string, kind: "patch" | "checkpoint"): Promise<string> {
  const id = newId("blob");
  await db.query(sql`insert into blob (id, task_id, kind, bytes) values (${id}, ${taskId}, ${kind}, 1)`);
  return id;
}

test("whatever is done to a task at once, nobody waits in a circle, and its log, its turns and its part of the list are whole", async () => {
  await using store = await testStore();
  const { db, user } = store;
  const tasks = [await store.give(), await store.give({ attempts: 2 })];
  const never = new AbortController().signal;

  async function run(worker: string): Promise<void> {
    const lease = await claim(db, worker, pick([1, 60_000]), WIDE);
    if (!lease) return;
    const { taskId } = lease;
    await appendRunEvents(db, lease, 0, [
      { type: "base.resolved", commit: "c0ffee", ref: "main" },
      { type: "step.started", step: 1, model: "script" },
    ]);
    const result = { isError: false, result: "", exit: null, durationMs: 1, output: null };
    const checkpoint = { tree: newId("blob"), packs: [await stored(db, taskId, "checkpoint")] };
    await appendRunEvents(db, lease, 2, [{ type: "tool.finished", call: "1.1", ...result }], [{ role: "tool", call: "1.1" }], checkpoint);
    await renew(db, lease, 60_000);
    await settle(db, lease, await outcomeOf(lease));
  }

  async function outcomeOf(lease: Lease): Promise<Parameters<typeof settle>[2]> {
    const patch = { blob: await stored(db, lease.taskId, "patch"), bytes: 1 };
    const stats = { files: pick([0, 1]), added: 1, removed: 0 };
    return pick<Parameters<typeof settle>[2]>([
      { kind: "succeeded", patch, stats },
      { kind: "succeeded", patch, stats },
      { kind: "failed", reason: { kind: "gave-up", detail: "x" }, patch: null, stats: null },
      { kind: "asks", question: { call: "1.2", id: "x", text: "?", options: [] }, patch: patch.blob, stats },
      { kind: "interrupted", detail: "x" },
      { kind: "cancelled" },
    ]);
  }

  async function publish(worker: string): Promise<void> {
    const publication = await claimPublication(db, worker, pick([1, 60_000]));
    if (!publication) return;
    await renewPublication(db, publication, 60_000);
    await settlePublication(
      db,
      publication,
      pick([{ state: "published", commit: "c1" }, { state: "failed", detail: "x" }, { state: "interrupted" }]),
    );
  }

  async function changePolicy(): Promise<void> {
    const { id, version, ...spec } = await getEnvironment(db, "shop");
    const changed = { ...spec, publish: pick(["always", "click"] as const) };
    await changeEnvironment(db, id, version, { spec: changed, sealedToken: undefined, by: user.id, byAdministrator: true });
  }

  const on = (act: (tx: Parameters<typeof lastAttempts>[0], id: string) => Promise<unknown>) => () =>
    db.transaction((tx) => act(tx, pick(tasks)));
  const deeds: Record<string, { often: number; act: (worker: string) => Promise<unknown> }> = {
    run: { often: 6, act: run },
    publish: { often: 3, act: publish },
    "give back": { often: 1, act: async (worker) => Promise.all([giveBackRuns(db, worker), giveBackPublications(db, worker)]) },
    "follow up": {
      often: 3,
      act: on((tx, id) => createTurn(tx, user, id, { prompt: "more", attempts: pick([1, 1, 2]), attempt: pick([undefined, 1]) })),
    },
    "go back": {
      often: 2,
      act: on(async (tx, id) => {
        const [last] = await lastAttempts(tx, id);
        const [kept] = last ? await stepsKept(tx, id, last) : [];
        await createTurn(tx, user, id, { prompt: "back", attempts: 1, attempt: 1, fromStep: kept?.step ?? 1 });
      }),
    },
    retry: { often: 3, act: on((tx, id) => retryTurn(tx, user, id)) },
    say: { often: 2, act: on((tx, id) => addReply(tx, user, id, "hello", pick([null, 1]))) },
    choose: { often: 2, act: on((tx, id) => chooseAttempt(tx, user, id, pick([1, 2]))) },
    "ask for publication": { often: 2, act: on((tx, id) => askPublication(tx, id, user.id, pick([null, 1]))) },
    stop: { often: 1, act: on((tx, id) => stopTask(tx, user, id)) },
    cancel: { often: 1, act: on((tx, id) => cancelTask(tx, user, id)) },
    archive: { often: 1, act: on((tx, id) => setArchived(tx, user, id, true)) },
    unarchive: { often: 3, act: on((tx, id) => setArchived(tx, user, id, false)) },
    "change the policy": { often: 1, act: changePolicy },
    thin: { often: 1, act: () => thinCheckpoints(db, pick(tasks), 1) },
    "remove what is old": {
      often: 1,
      act: () => removeOld(db, { outputs: 0, checkpoints: 0, archived: 0, mirrors: 1, audit: 1 }, never),
    },
  };
  const mixed = Object.entries(deeds).flatMap(([name, { often }]) => Array<string>(often).fill(name));

  const faults: string[] = [];
  const done = new Set<string>();
  const actor = async (worker: string) => {
    for (let count = 0; count < DEEDS && faults.length === 0; count++) {
      const name = pick(mixed);
      try {
        await deeds[name]?.act(worker);
        done.add(name);
      } catch (error) {
        if (!(error instanceof UserError || error instanceof LeaseLost)) faults.push(`${name}: ${(error as Error).stack}`);
      }
    }
  };
  await Promise.all(Array.from({ length: ACTORS }, (_, number) => actor(`w${number}`)));
  assert.deepEqual(faults, []);
  for (const name of ["run", "publish", "follow up", "retry"]) assert.ok(done.has(name), `${name} was never done`);

  for (const id of tasks) {
    const [log] = await db.query<{ last: number; count: number; highest: number; part: string; open: number }>(sql`
      select last_seq as last, (select count(*)::int from event where task_id = t.id) as count, (select max(seq) from event where task_id = t.id) as highest, part,
        (select count(*)::int from attempt a where a.task_id = t.id and a.state not in ('succeeded', 'failed', 'cancelled')
          and a.turn < (select max(number) from turn where task_id = t.id)) as open
      from task t where id = ${id}`);
    assert.deepEqual([log?.count, log?.highest, log?.open], [log?.last, log?.last, 0], "no gap in the log, no work in an earlier turn");
    const task = await getTask(db, user, id, WIDE);
    if (!task.archived) assert.equal(log?.part, taskView(task));
  }
});
