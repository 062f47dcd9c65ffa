import assert from "node:assert/strict";
import { test } from "node:test";
import { TaskView, taskView } from "@farhand/protocol";
import { newId } from "../domain/id.ts";
import { someoneWaits, testStore } from "../testing/store.ts";
import { type Queries, sql } from "./db.ts";
import { getTask, listTasks, setArchived, type TaskFilter } from "./tasks.ts";
import { addUser } from "./users.ts";

const LIMITS = { maxRuns: 50, maxRunsPerUser: 10 };
const ALL: TaskFilter = { view: null, environment: null, repository: null, person: null, query: null };

/** Of the question's own turn: its attempt's state, what became of the change before it, and the size of that. */
const AFTER_A_QUESTION = [
  ["running", null, 1],
  ["succeeded", null, 1],
  ["succeeded", null, 0],
  ["succeeded", "published", 1],
  ["succeeded", "failed", 1],
  ["failed", null, 1],
] as const;

test("the parts of the list hold exactly the tasks that their status puts there", async () => {
  await using store = await testStore();
  const { db, user } = store;
  const ids: string[] = [];
  for (const state of ["queued", "running", "awaiting-input", "succeeded", "failed", "cancelled"]) {
    for (const publication of [null, "asked", "publishing", "published", "failed"]) {
      for (const archived of [false, true]) {
        const id = await store.give({ title: `${state} ${publication} ${archived}` });
        ids.push(id);
        if (archived) await db.query(sql`update task set archived_at = now() where id = ${id}`);
        const [attempt] = await db.query<{ id: string }>(sql`update attempt set state = ${state} where task_id = ${id} returning id`);
        if (publication)
          await db.query(sql`
            insert into publication (id, task_id, attempt_id, state, branch, message, author_name, author_email, asked_by)
            values (${newId("pub")}, ${id}, ${attempt?.id}, ${publication}, 'b', 'm', 'Ada', 'ada@example.org', ${user.id})`);
      }
    }
  }
  for (const [state, publication, files] of AFTER_A_QUESTION) {
    const id = await store.give({ title: `asked: ${state} ${publication} ${files}` });
    ids.push(id);
    const stats = JSON.stringify({ files, added: 1, removed: 0 });
    const [first] = await db.query<{ id: string }>(
      sql`update attempt set state = 'succeeded', stats = ${stats}::jsonb where task_id = ${id} returning id`,
    );
    await db.query(sql`insert into turn (task_id, number, prompt, mode, created_by) values (${id}, 2, 'Why?', 'ask', ${user.id})`);
    await db.query(sql`
      insert into attempt (id, task_id, turn, number, user_id, priority, state, follows, stats)
      values (${newId("att")}, ${id}, 2, 1, ${user.id}, 0, ${state}, ${first?.id}, ${stats}::jsonb)`);
    if (publication)
      await db.query(sql`
        insert into publication (id, task_id, attempt_id, state, branch, message, author_name, author_email, asked_by)
        values (${newId("pub")}, ${id}, ${first?.id}, ${publication}, 'b', 'm', 'Ada', 'ada@example.org', ${user.id})`);
  }
  const tasks = await Promise.all(ids.map((id) => getTask(db, user, id, LIMITS)));
  const done = tasks.find(({ title }) => title === "succeeded null false");
  assert.deepEqual([done?.status, done?.statusText, done && taskView(done)], ["answered", "done: nothing changed", "done"]);
  const statuses = tasks.filter(({ title }) => title.startsWith("asked")).map(({ status }) => status);
  assert.deepEqual(statuses, ["running", "ready", "answered", "published", "needs-you", "failed"]);
  for (const view of TaskView.options) {
    const expected = tasks.filter((task) => taskView(task) === view).map((task) => task.title);
    const { tasks: found } = await listTasks(db, user, { ...ALL, view }, null, 100, LIMITS);
    assert.deepEqual(found.map((task) => task.title).sort(), expected.sort(), view);
    assert.ok(expected.length > 0);
  }
  const open = tasks.filter((task) => ["active", "review"].includes(taskView(task))).map((task) => task.title);
  const { tasks: found } = await listTasks(db, user, { ...ALL, view: "open" }, null, 100, LIMITS);
  assert.deepEqual(found.map((task) => task.title).sort(), open.sort());
});

test("where two attempts end at once, the list has their task where both have ended", async () => {
  await using store = await testStore();
  const { db, user } = store;
  const id = await store.give({ attempts: 2 });
  const end = (on: Queries, number: number) =>
    on.query(sql`update attempt set state = 'failed' where task_id = ${id} and number = ${number}`);
  let other: Promise<unknown> | undefined;
  await db.transaction(async (tx) => {
    await end(tx, 1);
    other = end(db, 2);
    await Promise.race([other, someoneWaits(db)]);
  });
  await other;
  const { tasks } = await listTasks(db, user, { ...ALL, view: "done" }, null, 10, LIMITS);
  assert.deepEqual(
    tasks.map((task) => [task.id, task.status]),
    [[id, "failed"]],
  );
});

test("a search finds text in title, environment and creator, letter for letter", async () => {
  await using store = await testStore();
  const { db, user } = store;
  const bob = await addUser(db, { name: "Bob Lee", email: "bob@example.org", role: "member" });
  await store.give({ title: "100% of tests" });
  await store.give({ title: "Another" }, bob);
  const find = async (query: string, by = user) =>
    (await listTasks(db, by, { ...ALL, query }, null, 10, LIMITS)).tasks.map((task) => task.title);
  assert.deepEqual(await find("TESTS"), ["100% of tests"]);
  assert.deepEqual(await find("0% o"), ["100% of tests"]);
  assert.deepEqual(await find("%"), ["100% of tests"]);
  assert.deepEqual(await find("_"), []);
  assert.deepEqual(await find("\\"), []);
  assert.deepEqual(await find("bob"), ["Another"]);
  assert.deepEqual(await find("shop"), ["Another", "100% of tests"]);
  assert.deepEqual(await find("shop", bob), ["Another"], "a member finds their own");
  const [bobs] = (await listTasks(db, bob, ALL, null, 1, LIMITS)).tasks;
  await assert.rejects(
    db.transaction((tx) => setArchived(tx, user, bobs?.id ?? "", true)),
    /still works/,
  );
});

test("a list is narrowed to a repository and a person, and read page by page", async () => {
  await using store = await testStore();
  const { db, user } = store;
  const bob = await addUser(db, { name: "Bob", email: "bob@example.org", role: "member" });
  const given = [];
  for (let at = 0; at < 5; at++) given.push(await store.give({ title: `task ${at}` }, at % 2 === 0 ? user : bob));
  const ids = async (filter: Partial<TaskFilter>, by = user) => {
    const found: string[] = [];
    for (let cursor: string | null = null, pages = 0; pages === 0 || cursor; pages++) {
      const page = await listTasks(db, by, { ...ALL, ...filter }, cursor, 2, LIMITS);
      found.push(...page.tasks.map(({ id }) => id));
      cursor = page.cursor;
    }
    return found;
  };
  assert.deepEqual(await ids({}), given.toReversed());
  assert.deepEqual(await ids({ person: bob.id }), [given[3], given[1]]);
  assert.deepEqual(await ids({ person: user.id }, bob), [], "a member sees their own only");
  assert.deepEqual(await ids({ repository: "/srv/shop.git" }), given.toReversed());
  assert.deepEqual(await ids({ repository: "/srv/other.git" }), []);
});
