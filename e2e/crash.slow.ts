import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { access, chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { NewTask } from "@farhand/protocol";
import { CRASH_POINTS, type CrashPoint } from "../packages/server/src/crash.ts";
import { faultsOf, untilEvent } from "./integrity.ts";
import { leftovers } from "./leftovers.ts";
import { makeRepository, type Repository, script } from "./repository.ts";
import { type Service, startService } from "./service.ts";

/** A supervisor waits longer after each crash of a part, so none is to see many. */
const SERVICES = 8;
/** What must have happened for a point to be reached at all. */
const BEFORE: Partial<Record<CrashPoint, CrashPoint>> = {
  "worker: given back": "claim: committed",
  "sandbox: checkpoint restored": "tool.finished: stored",
  "resume: stored": "tool.output: stored",
};
const BLOCKS = [
  "test -e ignored; echo one >> log; rm README.md; echo 1 > one; echo printed",
  "test -e ignored; echo two >> log; printf 'a\\000b' > two; chmod +x two; ln -s one link; echo printed",
];

const groups = Array.from({ length: SERVICES }, (_, group) => CRASH_POINTS.filter((_, index) => index % SERVICES === group));
for (const points of groups) {
  test(`a process that stops hard loses nothing and doubles nothing: ${points.join(", ")}`, { timeout: 5 * 60_000 }, async (t) => {
    await using crashing = await startCrashing(points);
    for (const point of points) {
      await t.test(point, async () => {
        await crashing.arm(point);
        if (point.startsWith("cancel")) await cancelOne(crashing.service);
        else await publishOne(crashing.service);
        await crashing.hasCrashedAt(point);
        assert.deepEqual(await untilNothing(() => leftovers(crashing.service.home)), []);
      });
    }
  });
}

/** A service whose parts can be made to crash at these points. */
async function startCrashing(points: readonly CrashPoint[]) {
  const home = await mkdtemp(join(tmpdir(), "farhand-crash-"));
  const crashes = join(home, "crashes");
  const marker = (point: CrashPoint) => join(crashes, point.replace(/[: ]+/g, "-"));
  const all = [...new Set(points.flatMap((point) => [point, ...(BEFORE[point] ? [BEFORE[point]] : [])]))];
  await mkdir(crashes);
  await chmod(crashes, 0o777); // the API is another user
  for (const point of all) await writeFile(marker(point), "");
  const service = await startService({ home, keepHome: true, env: { FARHAND_CRASH_AT: all.join(","), FARHAND_KEEP_SANDBOX_MINUTES: "0" } });
  return {
    service,
    async arm(point: CrashPoint) {
      for (const one of [point, BEFORE[point]]) if (one) await rm(marker(one));
    },
    hasCrashedAt: (point: CrashPoint) => access(marker(point)),
    async [Symbol.asyncDispose]() {
      await service[Symbol.asyncDispose]();
      await rm(home, { recursive: true, force: true });
    },
  };
}

/** A task with a setup of its own from its submission to its published branch, with all that must be right then. */
async function publishOne(service: Service): Promise<void> {
  await using shop = await makeRepository({ "README.md": "# Shop\n", ".gitignore": "ignored\n" });
  const { id: environment } = await patiently(() =>
    service.client.createEnvironment({ name: nameOf(shop), repository: shop.path, setup: "echo made > ignored" }),
  );
  const limit = AbortSignal.timeout(60_000);
  const task = await submit(service, { environment, prompt: script(...BLOCKS) });
  await untilEvent(service.client, task.id, ["attempt.succeeded", "attempt.failed", "attempt.cancelled"], limit);
  await patiently(() => service.client.publish(task.id));
  const events = await untilEvent(service.client, task.id, ["publication.published", "publication.failed"], limit);
  assert.deepEqual(faultsOf(events), []);
  assert.equal((await patiently(() => service.client.task(task.id))).status, "published");
  const tasks = await patiently(() => service.client.tasks({ environment }));
  assert.equal(tasks.tasks.length, 1, "it was submitted once");

  const branches = (await shop.git("for-each-ref", "--format=%(refname:short)", "refs/heads"))
    .split("\n")
    .filter((name) => name !== "main");
  assert.equal(branches.length, 1, branches.join(", "));
  const branch = branches[0] ?? "";
  assert.equal(await shop.git("rev-list", "--count", `main..${branch}`), "1");
  assert.equal(await shop.git("show", `${branch}:log`), "one\ntwo");
  const modes = (await shop.git("ls-tree", branch)).split("\n").map((line) => `${line.split(" ")[0]} ${line.split("\t")[1]}`);
  assert.deepEqual(modes, ["100644 .gitignore", "120000 link", "100644 log", "100644 one", "100755 two"]);
}

async function cancelOne(service: Service): Promise<void> {
  await using shop = await makeRepository();
  const { id: environment } = await service.client.createEnvironment({ name: nameOf(shop), repository: shop.path });
  const task = await service.client.createTask({ environment, prompt: script("echo begun; sleep 600") });
  const limit = AbortSignal.timeout(60_000);
  await untilEvent(service.client, task.id, ["tool.output"], limit);
  await patiently(() => service.client.cancel(task.id));
  const events = await untilEvent(service.client, task.id, ["attempt.succeeded", "attempt.failed", "attempt.cancelled"], limit);
  assert.equal(events.at(-1)?.body.type, "attempt.cancelled");
  assert.equal(events.filter(({ body }) => body.type === "cancel.requested").length, 1);
}

/** With one Idempotency-Key, for longer than the client's own patience. */
async function submit({ url, token }: Service, spec: NewTask): Promise<{ id: string }> {
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json", "idempotency-key": randomUUID() };
  return patiently(async () => {
    const response = await fetch(`${url}/api/v1/tasks`, { method: "POST", headers, body: JSON.stringify(spec) });
    assert.equal(response.status, 201);
    return (await response.json()) as { id: string };
  });
}

const nameOf = (repository: Repository) => repository.path.split("-").at(-1)?.toLowerCase() ?? "";

/** For what the API was asked when it crashed. */
async function patiently<T>(ask: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await ask();
    } catch (error) {
      if (tries === 100) throw error;
      await sleep(200);
    }
  }
}

/** What is still being removed is given some seconds. */
async function untilNothing(look: () => Promise<string[]>): Promise<string[]> {
  let found = await look();
  for (let tries = 0; found.length > 0 && tries < 50; tries++) {
    await sleep(200);
    found = await look();
  }
  return found;
}
