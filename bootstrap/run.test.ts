import assert from "node:assert/strict";
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const bootstrap = dirname(fileURLToPath(import.meta.url));

/** Stands in for npm: writes down how it was called, and puts in place what it would have. While `hold` exists it does not end. */
const NPM = `
import { appendFileSync, existsSync, mkdirSync, symlinkSync } from "node:fs";
import { basename, join } from "node:path";
const cwd = process.cwd();
appendFileSync(process.env.NPM_LOG, basename(cwd) + " " + process.argv.slice(2).join(" ") + " " + process.env.PATH.split(":")[0] + "\\n");
while (existsSync(process.env.NPM_LOG + ".hold")) await new Promise((done) => setTimeout(done, 20));
if (existsSync(process.env.NPM_LOG + ".fail")) process.exit(1);
mkdirSync(join(cwd, "node_modules"), { recursive: true });
if (basename(cwd) === ".node") {
  const bin = join(cwd, "node_modules", "node-" + process.platform + "-" + process.arch, "bin");
  mkdirSync(bin, { recursive: true });
  symlinkSync(process.execPath, join(bin, "node"));
}
`;
const AGED = "data:text/javascript,Object.defineProperty(process,'versions',{value:{...process.versions,node:'20.1.0'}})";
const asUser = (uid: number) => `data:text/javascript,process.getuid=()=>${uid}`;

type Outcome = { code: number | null; signal: string | null; stdout: string; stderr: string };
type Started = { started: ChildProcessWithoutNullStreams; said: { stdout: string; stderr: string }; end: Promise<Outcome> };

class Clone implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), "farhand-bootstrap-"));
  readonly clone = join(this.folder, "clone");
  readonly npmLog = join(this.folder, "npm.log");
  readonly bin = join(this.folder, "bin");

  constructor() {
    mkdirSync(this.clone);
    mkdirSync(this.bin);
    cpSync(bootstrap, join(this.clone, "bootstrap"), { recursive: true });
    writeFileSync(join(this.folder, "npm-cli.js"), NPM);
    writeFileSync(join(this.folder, "package.json"), '{"type":"module"}');
    writeFileSync(join(this.clone, "package-lock.json"), "first");
    this.program("console.log(JSON.stringify(process.argv.slice(2)));");
  }

  program(text: string): void {
    writeFileSync(join(this.clone, "program.mjs"), text);
  }

  start(args: string[], { aged = false, preload = "", path = process.env.PATH ?? "" } = {}): Started {
    const imports = [aged ? AGED : "", preload].filter(Boolean).flatMap((url) => ["--import", url]);
    const env = { ...process.env, PATH: path, npm_execpath: join(this.folder, "npm-cli.js"), NPM_LOG: this.npmLog };
    return watched(spawn(process.execPath, [...imports, join(this.clone, "bootstrap/run.mjs"), ...args], { env, cwd: "/" }));
  }

  run(args: string[], options: Parameters<Clone["start"]>[1] = {}): Promise<Outcome> {
    return this.start(args, options).end;
  }

  npmCalls(): string[] {
    return existsSync(this.npmLog) ? readFileSync(this.npmLog, "utf8").trim().split("\n") : [];
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function watched(started: ChildProcessWithoutNullStreams): Started {
  const said = { stdout: "", stderr: "" };
  started.stdout.on("data", (bytes) => (said.stdout += bytes));
  started.stderr.on("data", (bytes) => (said.stderr += bytes));
  started.stdin.end("input");
  return { started, said, end: once(started, "close").then(([code, signal]) => ({ code, signal, ...said })) };
}

async function until(holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 120_000;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`waited in vain until ${holds}`);
    await setTimeout(20);
  }
}

test("the first start fetches Node, installs by that Node, and runs the program; the second does nothing but run it", async () => {
  using clone = new Clone();
  const first = await clone.run(["program.mjs", "a", "b c"], { aged: true });
  assert.deepEqual([first.code, first.stdout], [0, '["a","b c"]\n'], first.stderr);
  assert.match(first.stderr, /Node 20\.1\.0 is older than 24: fetching.*\nInstalling dependencies\n/);
  const calls = clone.npmCalls();
  assert.equal(calls.length, 2);
  assert.match(calls[0] ?? "", /^\.node ci /);
  assert.equal(calls[1], `clone ci ${join(clone.clone, ".node")}`);
  const second = await clone.run(["program.mjs", "x"], { aged: true });
  assert.deepEqual(second, { code: 0, signal: null, stdout: '["x"]\n', stderr: "" });
  assert.equal(clone.npmCalls().length, 2);
});

test("a Node that is new enough is used as it is", async () => {
  using clone = new Clone();
  assert.equal((await clone.run(["program.mjs"])).code, 0);
  assert.equal(clone.npmCalls().length, 1);
  assert.equal(existsSync(join(clone.clone, ".node/node")), false);
});

test("a changed lock file is installed anew", async () => {
  using clone = new Clone();
  await clone.run(["program.mjs"]);
  writeFileSync(join(clone.clone, "package-lock.json"), "second");
  await clone.run(["program.mjs"]);
  await clone.run(["program.mjs"]);
  assert.equal(clone.npmCalls().length, 2);
});

test("an installation that failed is named, nothing is started, and the next start repeats it", async () => {
  using clone = new Clone();
  writeFileSync(`${clone.npmLog}.fail`, "");
  const failed = await clone.run(["program.mjs"]);
  assert.equal(failed.code, 1);
  assert.equal(failed.stdout, "");
  assert.match(failed.stderr, /farhand: npm ci in .*clone failed \(exit code 1\)/);
  assert.doesNotMatch(failed.stderr, /^ +at /m);
  rmSync(`${clone.npmLog}.fail`);
  assert.equal((await clone.run(["program.mjs"])).code, 0);
  assert.equal(clone.npmCalls().length, 2);
});

test("two first starts at once install once", async () => {
  using clone = new Clone();
  writeFileSync(`${clone.npmLog}.hold`, "");
  const one = clone.run(["program.mjs"], { aged: true });
  await until(() => clone.npmCalls().length === 1);
  const two = clone.start(["program.mjs"], { aged: true });
  await until(() => two.said.stderr.includes("Waiting for another start"));
  rmSync(`${clone.npmLog}.hold`);
  assert.deepEqual([(await one).code, (await two.end).code], [0, 0]);
  assert.equal(clone.npmCalls().length, 2);
});

test("after kill -9 in the midst of an installation the next start waits for its npm, and installs again", async () => {
  using clone = new Clone();
  writeFileSync(`${clone.npmLog}.hold`, "");
  const killed = clone.start(["program.mjs"]);
  await until(() => clone.npmCalls().length === 1);
  killed.started.kill("SIGKILL");
  await once(killed.started, "exit");
  const next = clone.start(["program.mjs"]);
  await until(() => next.said.stderr.includes("Waiting for another start"));
  rmSync(`${clone.npmLog}.hold`);
  assert.equal((await next.end).code, 0);
  assert.equal(clone.npmCalls().length, 2);
});

test("standard input, signals and the exit code pass through", async () => {
  using clone = new Clone();
  clone.program("process.stdin.pipe(process.stdout); process.stdin.on('end', () => { process.exitCode = 7; });");
  const outcome = await clone.run(["program.mjs"]);
  assert.deepEqual([outcome.code, outcome.stdout], [7, "input"]);
  clone.program("process.on('SIGTERM', () => process.exit(9)); setInterval(() => {}, 1000); console.log('up');");
  const stopped = clone.start(["program.mjs"]);
  await until(() => stopped.said.stdout.includes("up"));
  stopped.started.kill("SIGTERM");
  assert.equal((await stopped.end).code, 9);
  clone.program("process.on('SIGINT', () => process.exit(130)); setInterval(() => {}, 1000); console.log('up');");
  const pressed = clone.start(["program.mjs"]);
  await until(() => pressed.said.stdout.includes("up"));
  const untilItEnds = () => {
    if (pressed.started.kill("SIGINT")) setImmediate(untilItEnds); // a finger may stay on the key
  };
  untilItEnds();
  assert.equal((await pressed.end).code, 130);
  clone.program("process.kill(process.pid, 'SIGKILL'); setInterval(() => {}, 1000);");
  assert.equal((await clone.run(["program.mjs"])).code, 137);
});

test("a missing system package: root has it installed, after saying so; others are told the command", async () => {
  using clone = new Clone();
  await clone.run(["program.mjs"]);
  const log = join(clone.folder, "apt.log");
  // It knows the package only after an update, as on a new machine.
  const apt = `#!/bin/sh\necho "$@" >> ${log}\ncase $1 in update) : > ${log}.updated;; install) [ -e ${log}.updated ] && : > ${clone.bin}/bwrap && /bin/chmod 755 ${clone.bin}/bwrap;; esac\n`;
  writeFileSync(join(clone.bin, "apt-get"), apt);
  chmodSync(join(clone.bin, "apt-get"), 0o755);
  writeFileSync(log, "");
  const path = clone.bin;
  const other = await clone.run(["--needs", "bwrap", "program.mjs"], { path, preload: asUser(1000) });
  assert.equal(other.code, 1);
  assert.match(other.stderr, /farhand: bwrap is missing .*: sudo apt-get install -y bubblewrap\n$/);
  assert.equal(readFileSync(log, "utf8"), "");
  const root = await clone.run(["--needs", "bwrap", "program.mjs", "x"], {
    path,
    preload: asUser(0),
  });
  assert.deepEqual([root.code, root.stdout], [0, '["x"]\n'], root.stderr);
  assert.match(root.stderr, /^Installing system packages with apt-get: bubblewrap\n/);
  assert.deepEqual(
    readFileSync(log, "utf8")
      .trim()
      .split("\n")
      .map((line) => line.split(" ")[0]),
    ["install", "update", "install"],
  );
});
