import assert from "node:assert/strict";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { EventBody, TaskEvent } from "@farhand/protocol";
import { makeGate } from "./gate.ts";
import { untilEvent } from "./integrity.ts";
import { processIds } from "./processes.ts";
import { makeRepository, type Repository, script } from "./repository.ts";
import { idIn, run, type Service, startService } from "./service.ts";

let service: Service;
before(async () => {
  service = await startService({ env: { FARHAND_KEEP_SANDBOX_MINUTES: "0" } });
});
after(async () => {
  await service[Symbol.asyncDispose]();
});

const farhand = (args: readonly string[], stdin = "") => service.said(args, stdin);

/** Runs a task to its end, well or not. */
async function task(env: string, work: string, ...more: string[]): Promise<{ id: string; shown: string; events: TaskEvent[] }> {
  const ran = await service.farhand(["exec", "--env", env, ...more, "--wait", "-"], script(work));
  const id = idIn(ran.stdout + ran.stderr);
  return { id, shown: ran.stdout, events: await service.client.eventPage(id, { limit: 500 }) };
}

const bodies = <T extends EventBody["type"]>(events: readonly TaskEvent[], type: T) =>
  events.map((event) => event.body).filter((body): body is Extract<EventBody, { type: T }> => body.type === type);

const ranSetup = (events: readonly TaskEvent[]) => bodies(events, "setup.started").length > 0;
const printed = (events: readonly TaskEvent[]) =>
  bodies(events, "tool.output")
    .map((body) => body.text)
    .join("");

async function eventually(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 240_000;
  while (!(await holds())) {
    assert.ok(performance.now() < deadline, `waited in vain until ${what}`);
    await sleep(50);
  }
}

async function commit(shop: Repository, name: string, text: string): Promise<void> {
  await writeFile(join(shop.path, name), text);
  await shop.git("add", "--all");
  await shop.git("commit", "--quiet", `--message=${name}`);
}

test("setup runs once; later tasks, also at a newer commit, start on what it left, in a new sandbox", { timeout: 300_000 }, async () => {
  await using shop = await makeRepository({ "README.md": "# Shop\n", "lock.json": "1\n" });
  const setup = [
    'echo "making $COLOUR"',
    "mkdir modules && date +%N > modules/made",
    "echo 2 > lock.json",
    "echo tool > ~/tool",
    "(while :; do date +%N > /opt/beat; sleep 0.01; done) > /dev/null 2>&1 &",
    "until [ -s /opt/beat ]; do :; done",
  ].join("\n");
  await farhand(["env", "create", "once", "--repo", shop.path, "--setup", "-", "--var", "COLOUR=dark green"], setup);

  const look =
    "cat modules/made ~/tool; echo $COLOUR; cat lock.json; git status --porcelain; a=$(cat /opt/beat); sleep 0.2; [ $a = $(cat /opt/beat) ] && echo still";
  const first = await task("once", look);
  assert.match(first.shown, /setup\n\s+making dark green\n[\s\S]*● setup · .* · setup run: nothing is kept on this worker yet/);
  assert.match(printed(first.events), /^\d+\ntool\ndark green\n1\nstill\n$/);
  const second = await task("once", look);
  assert.equal(ranSetup(second.events), false);
  assert.match(second.shown, /● setup · .* · cached\n/);
  assert.equal(printed(second.events), printed(first.events));

  await commit(shop, "new.txt", "new\n");
  const third = await task("once", `cat new.txt; git log --oneline | wc -l; ${look}; echo x > x`);
  assert.equal(ranSetup(third.events), false);
  assert.equal(printed(third.events), `new\n2\n${printed(first.events)}`);
  const diff = await farhand(["diff", third.id]);
  assert.match(diff, /^\+x$/m);
  assert.doesNotMatch(diff, /modules|lock\.json/, "what setup left is no change of the agent");
  assert.match((await task("once", "true")).shown, /● setup · .* · cached\n/, "the newer commit has a stack of its own now");

  const shown = await farhand(["env", "show", "once"]);
  assert.match(shown, /variables\s+COLOUR=dark green/);
  assert.match(shown, /kept\s+on .* at [0-9a-f]{10}, made .*served 1 time/);
  assert.match(shown, /last run\s+of setup .*nothing is kept/);

  await farhand(["env", "reset", "once"]);
  const again = await task("once", "cat modules/made");
  assert.match(again.shown, /setup run: it was reset/);
  await farhand(["env", "edit", "once", "--var", "COLOUR=red"]);
  assert.match((await task("once", "true")).shown, /setup run: the variables were changed/);
});

test("a setup secret is nowhere after setup", { timeout: 300_000 }, async () => {
  await using shop = await makeRepository();
  const secret = `s3cret-${"q7w9".repeat(8)}`;
  await farhand(
    [
      "env",
      "create",
      "secret",
      "--repo",
      shop.path,
      "--setup",
      await fileOf(shop, 'printf %s "$TOKEN" | sha256sum > ~/sum\necho "got $TOKEN"\nsh -c "sleep 1000" &\n'),
      "--secret",
      "TOKEN",
    ],
    `${secret}\n`,
  );
  const { createHash } = await import("node:crypto");
  const sum = createHash("sha256").update(secret).digest("hex");
  const search =
    'cat ~/sum; echo "[$TOKEN]"; grep -rl "$(printf q7w9%.0s 1 2 3 4)" / --exclude-dir=proc --exclude-dir=sys --exclude-dir=usr 2> /dev/null; grep -al q7w9q7w9 /proc/[0-9]*/environ | grep -v "/$$/"; ps ax 2> /dev/null | grep "[s]leep 1000"; git add --all --force .; echo x > x';
  const { events, id } = await task("secret", search);
  assert.match(printed(events), new RegExp(`^${sum}  -\\n\\[\\]\\n$`), "setup had it, the agent has not");
  assert.match(
    bodies(events, "setup.output")
      .map((body) => body.text)
      .join(""),
    /^got \*\*\*\n$/,
  );
  assert.doesNotMatch(JSON.stringify(events), /q7w9q7w9q7w9/);
  assert.match(await farhand(["diff", id]), /^\+x$/m);
  assert.doesNotMatch(await farhand(["diff", id]), /q7w9q7w9/);
  const log = bodies(events, "setup.finished")[0]?.output?.blob ?? assert.fail("no log was kept");
  assert.equal(Buffer.from(await service.client.output(id, log)).toString(), "got ***\n");
  assert.doesNotMatch(await farhand(["env", "show", "secret", "--json"]), /q7w9q7w9/);
  assert.match(await farhand(["env", "show", "secret"]), /secrets\s+TOKEN \(in setup only\)/);
  assert.deepEqual(await filesWith(secret, service.home), [], "no layer, sandbox, database file or log has it");
  assert.deepEqual(await processesWith(secret), []);
  assert.doesNotMatch(service.printed(), /q7w9q7w9/);

  await farhand(["env", "edit", "secret", "--secret", "TOKEN"], "another-value");
  assert.match((await task("secret", "true")).shown, /setup run: the setup secrets were changed/);
});

test("a setup that fails ends the attempt with its exit and the end of its log, and is not kept", { timeout: 300_000 }, async () => {
  await using shop = await makeRepository();
  await farhand(["env", "create", "broken", "--repo", shop.path, "--setup", "-"], "seq 100\necho no such package >&2\nfalse\necho never\n");
  const failed = await task("broken", "true");
  assert.match(failed.shown, / {2}100\n\s*no such package\n[\s\S]*✖ setup failed: exit 1\n/);
  assert.doesNotMatch(failed.shown, /never/);
  assert.equal((await service.client.task(failed.id)).statusText, "setup failed: exit 1");
  assert.ok(ranSetup((await task("broken", "true")).events), "nothing of it was kept");
  assert.deepEqual((await service.client.environment("broken")).snapshots, []);
});

test("automatic setup that fails, and any where only a question is asked, is told, and the work goes on without it", {
  timeout: 300_000,
}, async () => {
  const scripts = { preinstall: "touch half; echo no luck >&2; exit 3" };
  await using shop = await makeRepository({
    "package.json": JSON.stringify({ name: "shop", version: "1.0.0", scripts, dependencies: { left: "file:./left" } }),
    "left/package.json": JSON.stringify({ name: "left", version: "1.0.0" }),
  });
  await farhand(["env", "create", "hopeless", "--repo", shop.path]);
  const { id, shown, events } = await task("hopeless", "ls; echo done > done");
  assert.match(shown, /● setup · .* · failed \(exit \d+\): goes on without it\n/);
  assert.match(shown, /! setup failed: the agent works without what it would have left/);
  assert.match(
    bodies(events, "agent.told")[0]?.text ?? "",
    /nothing that it would have installed is here[\s\S]*setup failed: exit[\s\S]*no luck/,
  );
  assert.equal(printed(events), "left\npackage.json\n", "nothing of it is left");
  assert.equal((await service.client.task(id)).statusText, "ready to review");
  assert.deepEqual((await service.client.environment("hopeless")).snapshots, []);
  assert.match(
    await farhand(["env", "show", "hopeless"]),
    /last run +of setup .*: nothing is kept on this worker yet; it failed: exit \d+\n/,
  );

  const more = (await service.farhand(["reply", id, "--wait", "-"], script("ls"))).stdout;
  assert.match(more, /goes on without it\n/);
  const later = (await service.client.eventPage(id, { limit: 500 })).slice(events.length);
  assert.ok(!ranSetup(later), "a further turn does not wait for the same failure");
  assert.deepEqual(bodies(later, "agent.told"), [], "nor is the agent told of it again");

  await farhand(["env", "edit", "hopeless", "--setup", "-"], "exit 4");
  assert.match((await task("hopeless", "ls", "--mode", "ask")).shown, /failed \(exit 4\): goes on without it[\s\S]*answered/);
  assert.match((await task("hopeless", "ls")).shown, /✖ setup failed: exit 4/);
  const tested = await service.farhand(["env", "test-setup", "hopeless"]);
  assert.equal(tested.code, 1);
});

test("several tasks at once make one setup, or fail with the one that failed", { timeout: 300_000 }, async () => {
  await using shop = await makeRepository();
  for (const [name, end] of [
    ["many", "exit 0"],
    ["many-broken", "exit 3"],
  ] as const) {
    const gate = makeGate();
    await farhand(["env", "create", name, "--repo", shop.path, "--setup", "-"], `${gate.command}; ${end}`);
    const prompt = script("true");
    const tasks = await Promise.all(Array.from({ length: 10 }, () => service.client.createTask({ environment: name, prompt })));
    const logsOf = () => Promise.all(tasks.map(({ id }) => service.client.eventPage(id, { limit: 500 })));
    const waits = (log: TaskEvent[]) => bodies(log, "phase.progress").some(({ text }) => text === "waiting for the setup of another task");
    await eventually("all but one wait", async () => (await logsOf()).filter(waits).length === tasks.length - 1);
    await gate.open();
    const status = async (id: string) => (await service.client.task(id)).status;
    for (const { id } of tasks) await eventually("it ends", async () => !["waiting", "running"].includes(await status(id)));
    const logs = await logsOf();
    assert.equal(logs.filter(ranSetup).length, 1, name);
    assert.deepEqual(new Set(await Promise.all(tasks.map(({ id }) => status(id)))), new Set([name === "many" ? "answered" : "failed"]));
  }
});

test("what a task makes at another branch serves that task alone; maintenance runs where the commit is another", {
  timeout: 300_000,
}, async () => {
  await using shop = await makeRepository();
  await shop.git("checkout", "--quiet", "-b", "stranger");
  await commit(shop, "evil.txt", "evil\n");
  await shop.git("checkout", "--quiet", "main");
  await farhand(["env", "create", "private", "--repo", shop.path, "--setup", "-"], "ls > ~/seen");
  const stranger = await task("private", "cat ~/seen", "--branch", "stranger");
  assert.match(printed(stranger.events), /evil/);
  assert.deepEqual((await service.client.environment("private")).snapshots, []);
  const own = await task("private", "cat ~/seen");
  assert.ok(ranSetup(own.events));
  assert.equal(printed(own.events), "README.md\n");
  const other = await task("private", "cat ~/seen evil.txt", "--branch", "stranger");
  assert.equal(ranSetup(other.events), false);
  assert.equal(printed(other.events), "README.md\nevil\n", "it stands on the shared one");

  await farhand(["env", "edit", "private", "--maintenance", "-"], "ls >> ~/seen");
  const kept = await task("private", "cat ~/seen evil.txt", "--branch", "stranger");
  assert.deepEqual(
    bodies(kept.events, "setup.started").map((body) => body.script),
    ["maintenance"],
  );
  assert.equal(printed(kept.events), "README.md\nREADME.md\nevil.txt\nevil\n");
  assert.equal(printed((await task("private", "cat ~/seen")).events), "README.md\n", "and the shared one is as it was");
});

test("a task on a commit that its environment's branch does not have makes nothing for others, whatever that branch is by now", {
  timeout: 120_000,
}, async () => {
  await using shop = await makeRepository();
  await shop.git("checkout", "--quiet", "-b", "next");
  await commit(shop, "evil.txt", "evil\n");
  await shop.git("checkout", "--quiet", "main");
  await farhand(["env", "create", "elsewhere", "--repo", shop.path, "--setup", "-"], "ls > ~/seen");
  const { id, events } = await task("elsewhere", "cat ~/seen", "--branch", "next");
  await shop.git("branch", "--force", "next", "main");
  await farhand(["env", "edit", "elsewhere", "--branch", "next", "--setup", "-"], "ls > ~/seen; echo again >> ~/seen");
  await service.farhand(["reply", id, "--wait", "-"], script("cat ~/seen"));
  const later = (await service.client.eventPage(id, { limit: 500 })).slice(events.length);
  assert.equal(printed(later), "README.md\nevil.txt\nagain\n");
  assert.deepEqual((await service.client.environment("elsewhere")).snapshots, []);
  assert.equal(printed((await task("elsewhere", "cat ~/seen")).events), "README.md\nagain\n");
});

test("a task goes on when its environment's branch is gone, by what the default branch says", { timeout: 240_000 }, async () => {
  await using shop = await makeRepository();
  await shop.git("branch", "next");
  await farhand(["env", "create", "merged", "--repo", shop.path, "--branch", "next", "--setup", "-"], "ls > ~/seen");
  const { id } = await task("merged", "echo one > one");
  await shop.git("branch", "-D", "next");
  await service.farhand(["reply", id, "--wait", "-"], script("cat ~/seen one"));
  assert.match(await farhand(["diff", id]), /^\+one$/m);
  assert.match((await task("merged", "true")).shown, /There is no branch, tag or commit next/);
});

test("commit after commit, checkouts and what setup left are brought forward, also past the depth at which a new stack is begun", {
  timeout: 300_000,
}, async () => {
  await using shop = await makeRepository();
  await farhand(["env", "create", "plain", "--repo", shop.path]);
  await farhand(["env", "create", "moving", "--repo", shop.path, "--setup", "-"], "ls > ~/seen");
  let runs = 0;
  for (let number = 1; number <= 10; number++) {
    await commit(shop, `file${number}`, `${number}\n`);
    const look = "cat ~/seen 2> /dev/null; ls | wc -l; git log --oneline | wc -l; git status --porcelain --ignored; git fsck --strict";
    const [plain, moving] = await Promise.all([task("plain", look), task("moving", look)]);
    assert.equal(printed(plain.events), `${number + 1}\n${number + 1}\n`);
    assert.equal(printed(moving.events), `README.md\nfile1\n${number + 1}\n${number + 1}\n`);
    if (ranSetup(moving.events)) runs++;
  }
  assert.equal(runs, 1);
});

test("a setup secret does not follow the environment to another repository", { timeout: 300_000 }, async () => {
  await using shop = await makeRepository();
  await using other = await makeRepository();
  await farhand(["env", "create", "moved", "--repo", shop.path, "--secret", "TOKEN"], "value");
  const refused = await service.farhand(["env", "edit", "moved", "--repo", other.path]);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /the setup secrets TOKEN belong to the old one/);
  await farhand(["env", "edit", "moved", "--repo", other.path, "--drop-secret", "TOKEN"]);
  assert.deepEqual((await service.client.environment("moved")).secrets, []);
});

test("a worker killed during setup leaves nothing half-made, and the task goes on", { timeout: 300_000 }, async () => {
  await using shop = await makeRepository();
  const gate = makeGate();
  await farhand(["env", "create", "killed", "--repo", shop.path, "--setup", "-"], `echo begun\n${gate.command}\necho whole > ~/whole\n`);
  const layers = async () => linesOf((await run("find", [join(service.home, "layers"), "-mindepth", "3", "-maxdepth", "3"])).stdout);
  const id = idIn(await farhand(["exec", "--env", "killed", "-"], script("cat ~/whole")));
  const worker = await service.pid("worker");
  const limit = AbortSignal.timeout(240_000);
  await untilEvent(service.client, id, ["setup.output"], limit);
  process.kill(worker, "SIGKILL"); // while setup waits
  const before = (await layers()).length;
  for await (const { body, run } of service.client.events(id, { after: 0, signal: limit }))
    if (run === 2 && body.type === "setup.output") break;
  await gate.open();
  const events = await untilEvent(service.client, id, ["attempt.succeeded", "attempt.failed"], limit);
  assert.equal((await service.client.task(id)).status, "answered");
  assert.equal(printed(events.filter(({ run }) => run === 2)), "whole\n");
  assert.equal(bodies(events, "setup.finished").length, 1);
  assert.equal((await layers()).length, before + 1, "one layer of setup, none of the one that was killed");
  assert.equal((await service.client.environment("killed")).snapshots.length, 1);
  await eventually("no sandbox is left", async () => (await readdir(join(service.home, "sandboxes"))).length === 0);
});

async function fileOf(shop: Repository, text: string): Promise<string> {
  const path = join(shop.path, ".git", "setup.sh");
  await writeFile(path, text);
  return path;
}

const linesOf = (text: string) => text.split("\n").filter(Boolean);

/** Files that the service removes while they are looked for have it no more. */
async function filesWith(text: string, folder: string): Promise<string[]> {
  const grep = await run("grep", ["-rlaF", "--devices=skip", "--", text, folder], { PATH: process.env.PATH, LC_ALL: "C" });
  const faults = linesOf(grep.stderr).filter((line) => !line.endsWith(": No such file or directory"));
  assert.ok(grep.code <= 2 && faults.length === 0, grep.stderr);
  return linesOf(grep.stdout);
}

async function processesWith(text: string): Promise<number[]> {
  const found: number[] = [];
  for (const pid of (await processIds()).filter((id) => id !== process.pid)) {
    const texts = await Promise.all(["environ", "cmdline"].map((name) => readFile(`/proc/${pid}/${name}`, "latin1").catch(() => "")));
    if (texts.some((one) => one.includes(text))) found.push(pid);
  }
  return found;
}
