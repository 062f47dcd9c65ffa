import assert from "node:assert/strict";
import { test } from "node:test";
import type { EventBody } from "@farhand/protocol";
import { scene } from "../testing/scene.ts";
import { TOKEN } from "../testing/service.ts";

const STATS = { files: 1, added: 2, removed: 1 };

const work: EventBody[] = [
  {
    type: "task.created",
    title: "Add a footer",
    mode: "code",
    model: "script",
    environment: "shop",
    environmentVersion: 1,
    attempts: 1,
    by: "Ada",
  },
  { type: "turn.started", turn: 1, prompt: "Add a footer", by: "Ada" },
  { type: "run.started", worker: "w" },
  { type: "phase.started", phase: "checkout", limitMs: 1000 },
  { type: "base.resolved", commit: "0123456789abcdef0123456789abcdef01234567", ref: "main" },
  { type: "phase.finished", phase: "checkout", durationMs: 120, note: "12 files" },
  { type: "phase.started", phase: "agent", limitMs: 1000 },
  { type: "step.started", step: 1, model: "script" },
  { type: "message", step: 1, text: "I run one command." },
  { type: "tool.started", step: 1, call: "1.1", tool: "shell", input: { command: "make\nmake test" } },
  { type: "tool.output", call: "1.1", stream: "stdout", text: "one\ntw" },
  { type: "tool.output", call: "1.1", stream: "stdout", text: "o\n" },
  { type: "tool.output", call: "1.1", stream: "stderr", text: "no newline", dropped: 2048 },
  { type: "tool.finished", call: "1.1", isError: false, result: "", exit: { kind: "exited", code: 0 }, durationMs: 1300, output: null },
  { type: "engine.stopped", reason: "done", detail: "", steps: 1 },
  { type: "phase.finished", phase: "agent", durationMs: 1500, note: "" },
];
const success: EventBody = { type: "attempt.succeeded", patch: "blob_1", bytes: 10, stats: STATS };

test("exec prints the id of the task, and takes the prompt from standard input", async () => {
  await using here = await scene();
  const ended = await here.run(["exec", "--env", "shop", "--branch", "dev", "--title", "T", "-"], { stdin: "Do it\n" });
  assert.deepEqual([ended.code, ended.stdout, ended.stderr], [0, "task_0001abcdefghijkl\n", ""]);
  assert.deepEqual(here.service.seen[0]?.body, { environment: "shop", prompt: "Do it\n", ref: "dev", title: "T", mode: "code" });
  const long = await here.run(["exec", "--env", "shop"], { stdin: "x".repeat(1_000_001) });
  assert.deepEqual([long.code, long.stderr], [2, "farhand: the prompt has 1000001 characters; 1000000 are allowed\n"]);
  const empty = await here.run(["exec", "--env", "shop"], { stdin: " \n" });
  assert.deepEqual([empty.code, empty.stderr], [2, "farhand: the prompt is empty: say what is to be done\n"]);
});

test("exec --wait shows the work in plain lines and ends with the task", async () => {
  await using here = await scene();
  here.service.onCreate = (id) => {
    here.service.append(id, ...work);
    here.service.settle(id, { state: "succeeded", stats: STATS });
    here.service.append(id, success);
  };
  const ended = await here.run(["exec", "--env", "shop", "--wait", "Add a footer"]);
  assert.equal(ended.stderr, "");
  assert.equal(
    ended.stdout,
    `task_0001abcdefghijkl
Add a footer
shop · script
● checkout · 120 ms · 12 files

I run one command.

$ make
  make test
  one
  two
  … 2.0 KB are left out here …
  no newline
  ✔ exit 0 · 1.3 s
● agent · 1.5 s
✔ +2/-1 • 1 file
task_0001abcdefghijkl: ready to review
`,
  );
  assert.equal(ended.code, 0);
});

test("watch follows what comes, and fails with the task", async () => {
  await using here = await scene();
  const { id } = here.service.addTask();
  here.service.append(id, ...work.slice(0, 6));
  let failed = false;
  const ended = await here.run(["watch", id.slice(0, 9)], {
    onOutput(stdout) {
      if (failed || !stdout.includes("● checkout")) return;
      failed = true;
      const reason = { kind: "gave-up", detail: "exit 3" } as const;
      here.service.settle(id, { state: "failed", reason, stats: null });
      here.service.append(id, { type: "attempt.failed", reason, patch: null, stats: null });
    },
  });
  assert.equal(ended.code, 1);
  assert.match(
    ended.stdout,
    /> Add a footer\n[\s\S]*✖ stopped by the agent: exit 3\ntask_0001abcdefghijkl: stopped by the agent: exit 3\n {2}farhand retry task_0001abcdefghijkl {3}tries again\n$/,
  );
});

test("watch of a task that ended long ago shows all of it, and waits for a publication that is on its way", async () => {
  await using here = await scene();
  const { id } = here.service.addTask();
  here.service.append(id, ...work, success, { type: "publication.asked", branch: "farhand/x", by: "Ada" });
  here.service.settle(id, { state: "succeeded", stats: STATS });
  here.service.change(id, { publication: { state: "asked", branch: "farhand/x", turn: 1, attempt: 1 } });
  let published = false;
  const ended = await here.run(["watch", id], {
    onOutput(stdout) {
      if (published || !stdout.includes("publishing to farhand/x")) return;
      published = true;
      here.service.change(id, {
        publication: { state: "published", branch: "farhand/x", turn: 1, attempt: 1, commit: "abc", pullRequest: null },
      });
      here.service.append(id, { type: "publication.published", branch: "farhand/x", commit: "abc" });
    },
  });
  assert.deepEqual([ended.code, ended.stderr], [0, ""]);
  assert.match(ended.stdout, /✔ published farhand\/x at abc\ntask_0001abcdefghijkl: published to farhand\/x\n$/);
  here.service.append(id, { type: "task.archived", by: "Ada" });
  assert.match((await here.run(["watch", id])).stdout, /published to farhand\/x\n$/);
  assert.match((await here.run(["watch", id])).stdout, /● archived by Ada\n/);
});

test("with --json every line is an event and the last one the task", async () => {
  await using here = await scene();
  const { id } = here.service.addTask();
  here.service.append(id, ...work, success);
  here.service.settle(id, { state: "succeeded", stats: STATS });
  const lines = (await here.run(["--json", "watch", id])).stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    lines.slice(0, -1).map((event) => event.body.type),
    [...work, success].map((body) => body.type),
  );
  assert.deepEqual([lines.at(-1).id, lines.at(-1).status], [id, "ready"]);
});

test("Ctrl-C leaves the task running and says so", async () => {
  await using here = await scene();
  const { id } = here.service.addTask();
  here.service.append(id, ...work.slice(0, 3), ...work.slice(8, 11));
  const ended = await here.run(["watch", id], {
    onOutput(stdout, interrupt) {
      if (!stdout.includes("one")) return;
      const untilItEnds = () => {
        if (interrupt()) setImmediate(untilItEnds); // a terminal and a program between may both send it, and a finger stay on the key
      };
      untilItEnds();
    },
  });
  assert.equal(ended.code, 130);
  assert.match(ended.stderr, new RegExp(`${id} goes on without you\\.\\n.*farhand watch ${id} .*\\n.*farhand cancel ${id} `));
  assert.ok(!here.service.seen.some((call) => call.path.includes("cancel")));
});

test("hostile text reaches neither a pipe nor, with --color, a terminal but as text and colours", async () => {
  await using here = await scene();
  const evil = "\x1b]0;pwned\x07\x1b[2J\x1b[31mred\x1b[0m\x9b2J\u202etxt\rover";
  const { id } = here.service.addTask({ title: evil });
  const detail = `${evil}\n${evil}`;
  here.service.append(
    id,
    { type: "task.created", title: evil, mode: "code", model: evil, environment: evil, environmentVersion: 1, attempts: 1, by: evil },
    { type: "turn.started", turn: 1, prompt: detail, by: evil },
    { type: "run.started", worker: evil },
    { type: "phase.started", phase: "checkout", limitMs: 1 },
    { type: "base.resolved", commit: evil, ref: evil },
    { type: "phase.finished", phase: "checkout", durationMs: 1, note: evil },
    { type: "message", step: 1, text: detail },
    { type: "tool.started", step: 1, call: evil, tool: "shell", input: { command: detail } },
    { type: "tool.output", call: evil, stream: "stdout", text: `${evil}\n\x1b]` },
    { type: "tool.output", call: evil, stream: "stdout", text: `0;cut\x07\n\x1b[3` },
    {
      type: "tool.finished",
      call: evil,
      isError: true,
      result: evil,
      exit: { kind: "signalled", signal: evil },
      durationMs: 1,
      output: null,
    },
    { type: "tool.started", step: 1, call: "2", tool: evil, input: { [evil]: evil } },
    { type: "tool.finished", call: "2", isError: true, result: detail, exit: null, durationMs: 1, output: null },
    { type: "run.interrupted", detail },
    { type: "cancel.requested", by: evil },
    { type: "attempt.failed", reason: { kind: "gave-up", detail }, patch: null, stats: null },
    { type: "publication.failed", branch: evil, detail },
  );
  here.service.settle(id, { state: "failed", reason: { kind: "gave-up", detail }, stats: null });
  for (const args of [["watch", id], ["status", id], ["list"], ["cancel", id]]) {
    const plain = await here.run(args);
    assert.doesNotMatch(plain.stdout + plain.stderr, /[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]/, args.join(" "));
    const coloured = await here.run(["--color", ...args]);
    assert.doesNotMatch(
      (coloured.stdout + coloured.stderr).replace(/\x1b\[[0-9;]*m/g, ""),
      /[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]/,
      args.join(" "),
    );
    const json = await here.run(["--json", ...args]);
    assert.doesNotMatch(json.stdout, /[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/, args.join(" "));
  }
  const shown = (await here.run(["--color", "watch", id])).stdout;
  assert.ok(shown.includes("\x1b[31mred\x1b[0m"), "a colour of the output is passed on");
  assert.ok(shown.includes("^[]0;cut^G"), "a sequence cut in two is shown");
  here.service.routes["GET /me"] = { status: 500, body: { type: "", title: "", status: 500, code: "x", detail: evil } };
  const refused = await here.bare(["login", here.service.url], { stdin: TOKEN });
  assert.equal(refused.code, 1);
  assert.doesNotMatch(refused.stderr, /[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]/);
});

test("status exits with 0 only for a task that is ready or published", async () => {
  await using here = await scene();
  const { id } = here.service.addTask();
  assert.equal((await here.run(["status", id])).code, 1);
  here.service.settle(id, { state: "succeeded", stats: STATS });
  const ready = await here.run(["status", `https://farhand.example/tasks/${id}/?tab=diff#x`]);
  assert.equal(ready.code, 0);
  assert.match(ready.stdout, /\[READY\] Add a footer\n {2}shop {2}•.*\n {2}\+2\/-1 • 1 file\n/);
  here.service.change(id, { publication: { state: "published", branch: "b", turn: 1, attempt: 1, commit: "c", pullRequest: null } });
  assert.equal((await here.run(["status", id])).code, 0);
  here.service.change(id, { publication: { state: "failed", branch: "b", turn: 1, attempt: 1, detail: "denied" } });
  const needsYou = await here.run(["status", id]);
  assert.deepEqual([needsYou.code, /publishing failed: denied/.test(needsYou.stdout)], [1, true]);
});

test("a task is found by the beginning of its id, archived ones too; what is unclear is refused", async () => {
  await using here = await scene();
  const first = here.service.addTask({ id: "task_aaaa1111bbbb2222" });
  here.service.addTask({ id: "task_aaaa3333bbbb4444", archived: true });
  assert.equal(JSON.parse((await here.run(["--json", "status", "aaaa1"])).stdout).id, first.id);
  assert.equal(JSON.parse((await here.run(["--json", "status", "task_aaaa3"])).stdout).id, "task_aaaa3333bbbb4444");
  const unclear = await here.run(["status", "aaaa"]);
  assert.deepEqual([unclear.code, unclear.stdout], [1, ""]);
  assert.match(unclear.stderr, /^farhand: 2 tasks begin with aaaa:\n {2}task_aaaa1111bbbb2222 {2}Add a footer\n/);
  const none = await here.run(["status", "zzz"]);
  assert.deepEqual([none.code, none.stderr], [1, 'farhand: there is no task zzz: "farhand list" shows what there is\n']);
});

test("list, archive, cancel", async () => {
  await using here = await scene();
  assert.match((await here.run(["list"])).stdout, /^No tasks\. Start one: farhand exec/);
  const one = here.service.addTask();
  const two = here.service.addTask();
  assert.match((await here.run(["list"])).stdout, /^task_0001abcdefghijkl\n {2}\[WAITING\] Add a footer\n/);
  assert.equal((await here.run(["archive", one.id, two.id])).stdout, `${one.id} is archived\n${two.id} is archived\n`);
  const missing = await here.run(["cancel", one.id, "nothing"]);
  assert.equal(missing.code, 1);
  assert.equal(here.service.seen.filter((call) => call.path.endsWith("/cancel")).length, 0, "none is touched where one is not found");
  assert.equal((await here.run(["cancel", one.id])).stdout, `${one.id} is cancelled\n`);
  assert.equal(JSON.parse((await here.run(["list", "--archived", "--json"])).stdout).tasks.length, 2);
});

test("pr asks for publication, waits for its end and names branch and commit", async () => {
  await using here = await scene();
  const { id } = here.service.addTask();
  here.service.settle(id, { state: "succeeded", stats: STATS });
  here.service.onPublish = () =>
    here.service.change(id, {
      publication: { state: "published", branch: "farhand/x", turn: 1, attempt: 1, commit: "c0ffee", pullRequest: null },
    });
  const ended = await here.run(["pr", id]);
  assert.deepEqual([ended.code, ended.stdout, ended.stderr], [0, "branch farhand/x\ncommit c0ffee\n", ""]);
  here.service.onPublish = () =>
    here.service.change(id, { publication: { state: "failed", branch: "farhand/x", turn: 1, attempt: 1, detail: "no rights to push" } });
  const failed = await here.run(["pr", id]);
  assert.deepEqual([failed.code, failed.stdout], [1, ""]);
  assert.equal(failed.stderr, `farhand: publishing ${id} to farhand/x failed: no rights to push\n"farhand pr ${id}" tries again.\n`);
});

test("a service that is away for a moment ends neither a watch nor the wait for a publication", async () => {
  await using here = await scene();
  const { id } = here.service.addTask();
  here.service.append(id, ...work, success);
  here.service.settle(id, { state: "succeeded", stats: STATS });
  const away = (times: number) => ({ status: 503, body: { type: "", title: "", status: 503, code: "unavailable", detail: "away" }, times });
  here.service.onPublish = () => {
    here.service.routes[`GET /tasks/${id}`] = away(1);
    here.service.onPublish = () => {};
    setImmediate(() =>
      here.service.change(id, { publication: { state: "published", branch: "b", turn: 1, attempt: 1, commit: "c", pullRequest: null } }),
    );
  };
  const published = await here.run(["pr", id]);
  assert.deepEqual([published.code, published.stdout], [0, "branch b\ncommit c\n"]);
  here.service.routes[`GET /tasks/${id}/events`] = away(2);
  const refused = await here.run(["watch", id]);
  assert.deepEqual([refused.code, refused.stderr], [0, "farhand: connection lost, trying again: away\n"]);
});

test("diff gives the bytes of the patch to a pipe, and says when there is none", async () => {
  await using here = await scene();
  const { id } = here.service.addTask();
  const none = await here.run(["diff", id]);
  assert.deepEqual([none.code, none.stderr], [1, `farhand: No diff available for task ${id}; it may still be running.\n`]);
  const patch = Buffer.from([0x64, 0xff, 0x00, 0x1b, 0x0d, 0x0a]);
  here.service.patches.set(id, patch);
  assert.deepEqual((await here.run(["diff", id])).raw, patch);
  assert.equal(JSON.parse((await here.run(["--json", "diff", id])).stdout).patch, patch.toString("base64"));
  here.service.patches.set(id, Buffer.from("diff --git a/x b/x\n-\x1b[31mold\r\n+new\x1b]0;t\x07\n"));
  assert.equal(
    (await here.run(["--color", "diff", id])).stdout,
    "\x1b[1mdiff --git a/x b/x\x1b[22m\n\x1b[31m-^[[31mold^M\x1b[39m\n\x1b[32m+new^[]0;t^G\x1b[39m\n",
  );
  const attempt = await here.run(["diff", id, "--attempt", "3"]);
  assert.deepEqual([attempt.code, attempt.stderr], [1, "farhand: Attempt 3 not available; only 1 attempt(s) found\n"]);
});

test("a task that asks, or whose setup failed, says what to do", async () => {
  await using here = await scene();
  const { id } = here.service.addTask();
  here.service.settle(id, { state: "awaiting-input", question: "Blue?", options: [], stats: STATS });
  const asks = await here.run(["status", id]);
  assert.equal(asks.code, 1);
  assert.match(asks.stdout, /status {6}asks: Blue\?\n[\s\S]* {2}farhand reply task_0001abcdefghijkl "\.\.\." {3}answers it\n$/);
  const reason = { kind: "setup-failed", script: "setup", how: "exit 1", tail: "npm: no network\n" } as const;
  here.service.settle(id, { state: "failed", reason, stats: null });
  here.service.append(
    id,
    { type: "setup.started", script: "setup", text: "npm ci" },
    { type: "setup.output", stream: "stderr", text: "npm: no network\n" },
    { type: "attempt.failed", reason, patch: null, stats: null },
  );
  const failed = await here.run(["watch", id]);
  assert.equal(failed.stdout.match(/npm: no network/g)?.length, 1, "the end of the log stands there once");
  assert.match(
    failed.stdout,
    /setup failed: exit 1\n {2}farhand env show shop [\s\S]*--no-auto-setup[\s\S]*farhand env test-setup shop [\s\S]*farhand retry task_0001abcdefghijkl /,
  );
});

test("status tells several attempts apart", async () => {
  await using here = await scene();
  const { id } = here.service.addTask();
  here.service.change(id, {
    attempts: [
      { id: "att_1", number: 1, state: "succeeded", stats: STATS },
      { id: "att_2", number: 2, state: "failed", reason: { kind: "gave-up", detail: "exit 3" }, stats: null },
    ],
    chosen: 1,
  });
  const { stdout } = await here.run(["status", id]);
  assert.match(stdout, /attempt 1 {3}done: \+2\/-1 • 1 file \(chosen\)\n {2}attempt 2 {3}stopped by the agent: exit 3\n/);
});
