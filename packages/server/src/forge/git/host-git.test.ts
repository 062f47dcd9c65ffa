import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { git, testFolder } from "../../testing/git-repository.ts";
import { GitError, gitText, runGit, streamGit } from "./host-git.ts";

const never = new AbortController().signal;

test("git has no settings but ours, whatever the operator's home and environment say", async () => {
  const script = `
    import { gitText } from ${JSON.stringify(new URL("host-git.ts", import.meta.url).href)};
    const call = (args) => gitText({ gitDir: null, args }, new AbortController().signal);
    console.log(await call(["config", "--list", "--show-origin"]));
  `;
  await using folder = await testFolder();
  const config = join(folder.path, ".gitconfig");
  git(folder.path, ["config", "--file", config, "core.sshCommand", "evil"]);
  const evil = {
    HOME: folder.path,
    XDG_CONFIG_HOME: folder.path,
    GIT_CONFIG_GLOBAL: config,
    GIT_CONFIG_SYSTEM: config,
    GIT_EDITOR: "evil",
  };
  const more = { GIT_CONFIG_COUNT: "1", GIT_CONFIG_KEY_0: "core.evil", GIT_CONFIG_VALUE_0: "evil", GIT_DIR: folder.path, GIT_TRACE: "1" };
  const ran = spawnSync(process.execPath, ["--input-type=module", "--eval", script], { env: { PATH: process.env.PATH, ...evil, ...more } });
  const text = `${ran.stdout}${ran.stderr}`;
  assert.match(text, /^command line:\tcore\.hookspath=\/dev\/null$/m);
  assert.doesNotMatch(text, /evil|^file:/m);
});

test("a failure has its exit code and git's last words, cleaned", async () => {
  const failed = runGit({ gitDir: "/nonexistent", args: ["log"] }, never);
  await assert.rejects(failed, { name: "GitError", kind: "exit", code: 128, stderr: "fatal: not a git repository: '/nonexistent'" });
  await assert.rejects(runGit({ gitDir: null, args: ["version"], through: ["no-such-program"] }, never), { kind: "not-started" });
});

test("too much output, too long a run, and an abort end git and its children", async () => {
  await using folder = await testFolder();
  git(folder.path, ["init", "--quiet", "--bare", "x.git"]);
  const gitDir = join(folder.path, "x.git");
  const endless = { gitDir, args: ["sleep"], config: ["alias.sleep=!echo $$; sleep 1000 & wait"] };
  const pids: number[] = [];
  const alive = (pid: number) =>
    spawnSync("ps", ["-o", "stat=", "-g", String(pid)])
      .stdout.toString()
      .split("\n")
      .some((stat) => /^[^Z\s]/.test(stat));
  const watch = async (signal: AbortSignal, timeoutMs?: number) => {
    for await (const chunk of streamGit({ ...endless, ...(timeoutMs ? { timeoutMs } : {}) }, signal)) {
      pids.push(Number(Buffer.from(chunk).toString()));
      if (!timeoutMs) abort.abort(new Error("enough"));
    }
  };
  const abort = new AbortController();
  await assert.rejects(watch(abort.signal), /enough/);
  await assert.rejects(watch(never, 3000), { kind: "timeout" });
  for await (const chunk of streamGit(endless, never)) {
    pids.push(Number(Buffer.from(chunk).toString()));
    break;
  }
  const zeros = { gitDir, args: ["zeros"], config: ["alias.zeros=!cat /dev/zero"], maxBytes: 1_000_000 };
  await assert.rejects(runGit(zeros, never), { kind: "too-much-output" });
  assert.equal(pids.length, 3);
  // The last of the children lets go of its output a moment before it is gone.
  for (const deadline = performance.now() + 10_000; pids.some(alive) && performance.now() < deadline; ) await sleep(20);
  for (const pid of pids) assert.ok(!alive(pid), `${pid} still runs`);
  await assert.rejects(runGit(endless, AbortSignal.abort(new Error("before"))), /before/);
});

test("input comes from bytes or a generator; git may leave some of it; a fault in making it is thrown", async () => {
  const hash = (stdin: Uint8Array | AsyncIterable<Uint8Array>) => gitText({ gitDir: null, args: ["hash-object", "--stdin"], stdin }, never);
  async function* pieces(fault?: Error) {
    yield Buffer.from("hello");
    if (fault) throw fault;
    yield Buffer.from("\n");
  }
  assert.equal(await hash(Buffer.from("hello\n")), "ce013625030ba8dba906f756967f9e9ca394464a");
  assert.equal(await hash(pieces()), "ce013625030ba8dba906f756967f9e9ca394464a");
  await assert.rejects(hash(pieces(new Error("no more"))), /no more/);
  assert.match(await gitText({ gitDir: null, args: ["version"], stdin: Buffer.alloc(10_000_000) }, never), /^git version/);
  assert.ok(new GitError("x", "exit", 1, "") instanceof Error);
});
