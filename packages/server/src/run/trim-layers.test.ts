import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { run, testDriver } from "../sandbox/testing.ts";
import { type Shelf, useStack } from "../store/layer-stacks.ts";
import { testStore } from "../testing/store.ts";
import { type Base, findBase, type Hold, holdLayers, sealOn } from "./layers.ts";
import { dropUnknownLayers, trimLayers } from "./trim-layers.ts";

const never = new AbortController().signal;
const MB = 1024 * 1024;

async function place() {
  const resources = new AsyncDisposableStack();
  const store = resources.use(await testStore());
  const drivers = resources.use(await testDriver());
  const [environment] = await store.db.query<{ id: string; owner: number }>({ text: "select id, owner from environment", values: [] });
  assert.ok(environment);
  const parts = (maxLayersBytes: number) => ({ db: store.db, sandboxes: drivers.driver, config: { workerName: "w", maxLayersBytes } });
  const shelf: Shelf = { worker: "w", environmentId: environment.id, kind: "setup", family: "f" };
  return {
    ...drivers,
    parts,
    shelf,
    async make(commit: string, below: Base | null): Promise<Base> {
      using hold = holdLayers();
      const sandbox = await drivers.create({ owner: environment.owner, layers: below?.ids ?? [] });
      await run(sandbox, `head -c 3M /dev/urandom > ${commit}`);
      return await sealOn(parts(0), sandbox, below, shelf, { commit, taskId: null, variables: {}, parts: null }, hold, never);
    },
    find: (commit: string, hold: Hold) =>
      findBase(parts(0), shelf, environment.owner, { commit, taskId: "none", orNear: false }, hold, never),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

test("what is beyond the budget goes, the least recently used first, with layers that others need staying", async () => {
  await using at = await place();
  const one = await at.make("one", null);
  const two = await at.make("two", one);
  const other = await at.make("other", null);
  await trimLayers(at.parts(100 * MB), never);
  assert.equal((await at.driver.layers()).length, 3);

  await useStack(at.parts(0).db, two.id, true);
  await trimLayers(at.parts(7 * MB), never);
  assert.deepEqual(new Set(await at.driver.layers()), new Set(two.ids), "the one in the middle of time, which nobody used since");
  using hold = holdLayers();
  assert.equal(await at.find("other", hold), null);
  assert.equal(await at.find("one", hold), null, "as a stack of its own it is gone; its layer is in use by the other");
  assert.deepEqual((await at.find("two", hold))?.ids, two.ids);
  assert.equal((await readdir(join(at.home, "trash"))).length, 0);
  assert.equal(other.ids.length, 1);
});

test("while the disk is full half of them go, however often that was asked for until there is room", async () => {
  await using at = await place();
  for (const commit of ["one", "two", "three", "four"]) await at.make(commit, null);
  const states = ["full", null, null];
  at.driver.full = async () => states.shift() ?? null;
  await Promise.all(states.map(() => trimLayers(at.parts(100 * MB), never)));
  assert.equal((await at.driver.layers()).length, 2);
});

test("none goes that somebody stands on, and it goes once nobody does", async () => {
  await using at = await place();
  const one = await at.make("one", null);
  const two = await at.make("two", one);
  const hold = holdLayers();
  assert.ok(await at.find("two", hold));
  await trimLayers(at.parts(0), never);
  assert.deepEqual(new Set(await at.driver.layers()), new Set(two.ids));
  await using sandbox = await at.create({ owner: 0, layers: two.ids });
  assert.equal((await run(sandbox, "ls one two")).stdout, "one\ntwo\n");
  await sandbox[Symbol.asyncDispose]();
  hold[Symbol.dispose]();
  await trimLayers(at.parts(0), never);
  assert.deepEqual(await at.driver.layers(), []);
});

test("a layer whose stack was never kept is removed at the start; a stack whose layer is gone is forgotten", async () => {
  await using at = await place();
  const one = await at.make("one", null);
  await at.driver.seal(await at.create({ owner: 0 }), "sealed by a worker that was killed then");
  await dropUnknownLayers(at.parts(0));
  assert.deepEqual(await at.driver.layers(), one.ids);
  using hold = holdLayers();
  await at.driver.removeLayer(one.ids[0] as string);
  assert.equal(await at.find("one", hold), null);
  const rows = await at.parts(0).db.query({ text: "select 1 from layer_stack", values: [] });
  assert.equal(rows.length, 0);
});
