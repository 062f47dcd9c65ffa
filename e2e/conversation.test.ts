import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { EventBody, TaskEvent } from "@farhand/protocol";
import { makeGate } from "./gate.ts";
import { makeRepository, script } from "./repository.ts";
import { idIn, type Service, startService } from "./service.ts";

let service: Service;
before(async () => {
  service = await startService();
});
after(async () => {
  await service[Symbol.asyncDispose]();
});

const farhand = (args: readonly string[], stdin = "") => service.said(args, stdin);

/** The first event for which it holds. */
async function until(task: string, holds: (event: TaskEvent) => boolean): Promise<TaskEvent> {
  for await (const event of service.client.events(task, { after: 0, signal: AbortSignal.timeout(240_000) })) if (holds(event)) return event;
  throw new Error("the stream ended");
}

async function bodies<Type extends EventBody["type"]>(task: string, type: Type): Promise<Extract<EventBody, { type: Type }>[]> {
  const all: EventBody[] = [];
  for (let after = 0; ; ) {
    const events = await service.client.eventPage(task, { after });
    if (events.length === 0) return all.filter((body): body is Extract<EventBody, { type: Type }> => body.type === type);
    all.push(...events.map((event) => event.body));
    after = events.at(-1)?.seq ?? after;
  }
}

test("what is said while it works is done before it ends, and stop keeps what was done", { timeout: 300_000 }, async () => {
  await using shop = await makeRepository();
  await farhand(["env", "create", "steered", "--repo", shop.path]);
  const id = idIn(
    await farhand(["exec", "--env", "steered", "-"], script("echo one > one; echo begun; until [ -e go ]; do sleep 0.1; done")),
  );
  await until(id, ({ body }) => body.type === "tool.output");
  assert.match(await farhand(["reply", id, "-"], script("echo two > two; sleep 1000")), /told before its next step/);
  assert.equal((await bodies(id, "reply.given")).length, 0);
  await farhand(["stop", id]);
  const ended = await until(id, ({ body }) => body.type.startsWith("attempt."));
  assert.equal(ended.body.type, "attempt.succeeded");
  assert.equal((await service.client.task(id)).statusText, "stopped: ready to review");
  assert.match(await farhand(["diff", id]), /^\+one$/m);
  assert.equal((await bodies(id, "reply.missed")).length, 1);
  assert.equal((await bodies(id, "engine.stopped"))[0]?.reason, "stopped");
  assert.match((await bodies(id, "tool.finished"))[0]?.result ?? "", /the user ended the work[\s\S]*until then:\nbegun\n$/);

  const gate = makeGate();
  const heard = idIn(await farhand(["exec", "--env", "steered", "-"], script(`echo one > one; ${gate.command}`)));
  await until(heard, ({ body }) => body.type === "tool.started");
  await farhand(["reply", heard, "-"], script("echo two > two"));
  await gate.open();
  await until(heard, ({ body }) => body.type === "attempt.succeeded");
  assert.equal((await bodies(heard, "reply.given")).length, 1);
  assert.match(await farhand(["diff", heard]), /^\+one$[\s\S]*^\+two$/m);
});

test("stop before the agent has begun leaves nothing", { timeout: 300_000 }, async () => {
  await using shop = await makeRepository();
  await farhand(["env", "create", "early", "--repo", shop.path, "--setup", "-"], "sleep 1000");
  const id = idIn(await farhand(["exec", "--env", "early", "-"], script("true")));
  await until(id, ({ body }) => body.type === "setup.started");
  await farhand(["stop", id]);
  await until(id, ({ body }) => body.type === "attempt.cancelled");
});

test("several attempts; one is chosen and published", { timeout: 300_000 }, async () => {
  await using shop = await makeRepository();
  await farhand(["env", "create", "several", "--repo", shop.path]);
  const shown = await farhand(
    ["exec", "--env", "several", "--attempts", "2", "--title", "Pick", "--wait", "-"],
    script("echo $RANDOM$$ > x"),
  );
  const id = idIn(shown);
  assert.match(shown, /\[1\] \$ echo[\s\S]*2 attempts to choose from/);
  const unclear = await service.farhand(["diff", id]);
  assert.deepEqual([unclear.code, /--attempt N/.test(unclear.stderr)], [2, true]);
  const patches = await Promise.all([1, 2].map((attempt) => farhand(["diff", id, "--attempt", `${attempt}`])));
  assert.notEqual(patches[0], patches[1]);
  const published = await farhand(["pr", id, "--attempt", "2"]);
  const branch = /farhand\/pick-\w{6}/.exec(published)?.[0] ?? assert.fail(published);
  const [line] = /^\+\d+$/m.exec(patches[1] ?? "") ?? [];
  assert.equal(`+${await shop.git("show", `${branch}:x`)}`, line);
  assert.equal(await farhand(["diff", id]), patches[1], "publishing has chosen it");
});

test("a turn that failed is tried again from where it began, by the environment as it is then", { timeout: 300_000 }, async () => {
  await using shop = await makeRepository();
  await farhand(["env", "create", "again", "--repo", shop.path]);
  const id = idIn(await farhand(["exec", "--env", "again", "--title", "Twice", "--wait", "-"], script("echo one > one")));
  await farhand(["pr", id]);
  assert.match((await service.farhand(["retry", id])).stderr, /has a result/);
  const failed = await service.farhand(["reply", id, "--wait", "-"], script('cat one; echo two >> two; [ -n "$MENDED" ]'));
  assert.equal(failed.code, 1);
  assert.match(await farhand(["diff", id]), /^\+two$/m);

  await farhand(["env", "edit", "again", "--var", "MENDED=yes"]);
  const shown = await farhand(["retry", id, "--wait"]);
  assert.match(shown, /^\nTurn 3: \S+ tried turn 2 again\n/, "neither what came before nor the prompt is shown once more");
  assert.match(await farhand(["diff", id]), /^\+one$[\s\S]*^\+two$/m);
  assert.equal((await farhand(["diff", id])).match(/^\+two$/gm)?.length, 1, "what the turn that failed did is not taken along");
  const { turn, title, environment, statusText } = await service.client.task(id);
  assert.deepEqual([turn, title, environment.version, statusText], [3, "Twice", 2, "ready to review"]);
  await farhand(["pr", id]);
  assert.match(await farhand(["log", id]), /^## Turn 3\n\n\*\*\S+\*\*, \S+ \(model script\) tried turn 2 again\.$/m);
});

test("a follow-up goes back to a step, to the files and the conversation as they were after it", { timeout: 300_000 }, async () => {
  await using shop = await makeRepository();
  await farhand(["env", "create", "back", "--repo", shop.path]);
  const id = idIn(
    await farhand(
      ["exec", "--env", "back", "--wait", "-"],
      script("echo one > one", "echo two > two; touch /tmp/outside", "echo three > three"),
    ),
  );
  assert.deepEqual(await service.client.stepsKept(id, 1), [1, 2, 3]);
  const refused = await service.farhand(["reply", id, "--from-step", "9", "More"]);
  assert.match(refused.stderr, /after step 9 of attempt 1 is not stored \(any more\): go back to 1, 2, 3/);
  assert.match(
    (await service.farhand(["reply", id, "--from-step", "2", "--mode", "ask", "Why"])).stderr,
    /a question is about the change as it is/,
  );
  const shown = await farhand(
    ["reply", id, "--from-step", "2", "--wait", "-"],
    script("ls; ls /tmp/outside || echo gone; echo four > four"),
  );
  assert.match(shown, /Turn 2, from step 2 of attempt 1 of turn 1[\s\S]* {2}gone\n/, "the sandbox is a new one");
  const added = (await farhand(["diff", id])).match(/^\+\w+$/gm);
  assert.deepEqual(added, ["+four", "+one", "+two"]);
  await farhand(["reply", id, "--wait", "-"], script("ls; rm four"));
  assert.deepEqual((await farhand(["diff", id])).match(/^\+\w+$/gm), ["+one", "+two"]);
});

test("a follow-up goes on from the result, and moves the same branch on, unless somebody else has", { timeout: 300_000 }, async () => {
  await using shop = await makeRepository({ "README.md": "# Shop\n", ".gitignore": "cache\n" });
  await farhand(["env", "create", "further", "--repo", shop.path]);
  const first = script(
    "echo one > one; echo ghp_a1B2c3D4e5F6g7H8i9J0k1L2; echo x > cache; git add one; git commit -qm mine",
    "exit 1",
    "echo never",
  );
  const failed = await service.farhand(["exec", "--env", "further", "--title", "Go on", "--wait", "-"], first);
  assert.equal(failed.code, 1);
  const id = idIn(failed.stdout);
  const shown = await farhand(["reply", id, "--wait", "-"], script("cat one; echo two > two; git status --short"));
  assert.match(shown, /Turn 2, from attempt 1 of turn 1[\s\S]*one[\s\S]*two/);
  assert.doesNotMatch(shown, /echo never/, "only the new turn is shown");
  const published = await farhand(["pr", id]);
  const branch = /farhand\/go-on-\w{6}/.exec(published)?.[0] ?? assert.fail(published);
  const files = async () => (await shop.git("ls-tree", "--name-only", branch)).split("\n");
  assert.deepEqual(await files(), [".gitignore", "README.md", "one", "two"]);

  await farhand(["reply", id, "--attempts", "2", "--wait", "-"], script("echo three > three; rm two"));
  assert.equal((await service.client.task(id)).statusText, "2 attempts to choose from");
  await farhand(["pr", id, "--attempt", "2"]);
  assert.deepEqual(await files(), [".gitignore", "README.md", "one", "three"]);
  assert.equal(await shop.git("rev-list", "--count", `main..${branch}`), "1", "the branch is the whole change, as one commit");

  const log = await farhand(["log", id]);
  assert.match(
    log,
    /^# Go on\n[\s\S]*## Turn 1\n[\s\S]*exit 1\n[\s\S]*## Turn 2, from attempt 1 of turn 1\n[\s\S]*### Attempt 2 \(chosen\)/,
  );
  assert.match(log, /^\[secret\]$/m);
  assert.doesNotMatch(log, /ghp_/);
  const events = (await farhand(["--json", "log", id])).trimEnd().split("\n");
  assert.deepEqual(
    events.map((line) => JSON.parse(line).seq),
    events.map((_, at) => at + 1),
  );
  assert.match(await farhand(["usage", "--by", "attempt", "--task", id]), new RegExp(`${id} turn 2 attempt 1`));

  await shop.git("update-ref", `refs/heads/${branch}`, "main");
  await farhand(["reply", id, "--wait", "-"], script("echo four > four"));
  const refused = await service.farhand(["pr", id]);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /was at [0-9a-f]{12} when it was last looked at, and is at [0-9a-f]{12} now/);
  assert.equal(await shop.git("rev-parse", branch), await shop.git("rev-parse", "main"), "what somebody else pushed stays");
});
