import assert from "node:assert/strict";
import { chmod, mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { scene } from "./testing/scene.ts";
import { TOKEN } from "./testing/service.ts";

test("env create makes a relative path absolute, and takes limits and a token", async () => {
  await using here = await scene();
  const args = [
    "env",
    "create",
    "shop",
    "--repo",
    "sub/../repo",
    "--branch",
    "dev",
    "--publish",
    "always",
    "--transcript",
    "link",
    "--memory-mb",
    "512",
    "--cpus",
    "0.5",
    "--require-limits",
    "--token-stdin",
  ];
  const made = await here.run(args, { stdin: "ghp_x\n" });
  assert.deepEqual([made.code, made.stderr], [0, ""]);
  assert.deepEqual(here.service.seen.at(-1)?.body, {
    name: "shop",
    repository: join(here.home, "repo"),
    branch: "dev",
    publish: "always",
    transcript: "link",
    limits: { memoryMb: 512, cpus: 0.5, required: true },
    token: "ghp_x",
  });
  assert.ok(here.service.seen.at(-1)?.headers["idempotency-key"]);
  assert.ok(!made.stdout.includes("ghp_x"));
  await here.run(["env", "create", "shop", "--repo", "https://example.org/shop.git"]);
  assert.deepEqual(here.service.seen.at(-1)?.body, { name: "shop", repository: "https://example.org/shop.git", limits: {} });
});

test("env edit changes only what is named", async () => {
  await using here = await scene();
  await here.run(["env", "edit", "shop", "--no-branch", "--no-token"]);
  assert.deepEqual([here.service.seen.at(-1)?.method, here.service.seen.at(-1)?.body], ["PATCH", { branch: null, token: null }]);
  await here.run(["env", "edit", "shop", "--no-require-limits", "--turn-minutes", "5"]);
  assert.deepEqual(here.service.seen.at(-1)?.body, { limits: { turnMinutes: 5, required: false } });
  const nothing = await here.run(["env", "edit", "shop"]);
  assert.deepEqual([nothing.code, nothing.stderr], [2, 'farhand: nothing to change: see "farhand env edit --help"\n']);
});

test("env create and edit take scripts, variables, and one secret from standard input, which is not shown", async () => {
  await using here = await scene();
  await writeFile(join(here.home, "setup.sh"), "npm ci\n");
  const made = await here.run(
    [
      "env",
      "create",
      "shop",
      "--repo",
      "/r",
      "--setup",
      "setup.sh",
      "--var",
      "A=1=2",
      "--var",
      "B=",
      "--setup-minutes",
      "5",
      "--secret",
      "TOKEN",
      "--check",
      "npm test",
      "--check",
      "npm run lint",
    ],
    { stdin: "ghp_x y\n" },
  );
  assert.deepEqual([made.code, made.stderr], [0, ""]);
  assert.deepEqual(here.service.seen.at(-1)?.body, {
    name: "shop",
    repository: "/r",
    limits: {},
    setup: "npm ci\n",
    setupMinutes: 5,
    variables: { A: "1=2", B: "" },
    secrets: { TOKEN: "ghp_x y" },
    checks: ["npm test", "npm run lint"],
  });
  assert.match(
    made.stdout,
    /setup +1 lines?, at most 5 min\n +variables +A=1=2\n +B=\n +secrets +TOKEN \(in setup only\)\n +checks +npm test\n +npm run lint/,
  );
  assert.ok(!made.stdout.includes("ghp_x"));

  await here.run(
    ["env", "edit", "shop", "--maintenance", "-", "--no-setup", "--no-check", "--drop-var", "A", "--var", "C=3", "--drop-secret", "TOKEN"],
    {
      stdin: "npm update",
    },
  );
  assert.deepEqual(here.service.seen.at(-1)?.body, {
    setup: "",
    maintenance: "npm update",
    checks: [],
    variables: { A: null, C: "3" },
    secrets: { TOKEN: null },
  });
  const reset = await here.run(["env", "reset", "shop"]);
  assert.equal(reset.stdout, "The next task of shop runs its setup anew\n");
  assert.equal(here.service.seen.at(-1)?.path, "/environments/shop/reset");

  for (const [args, words] of [
    [["--setup", "-", "--secret", "X"], "--setup - and --secret both read standard input: call twice"],
    [["--var", "=x"], '--var takes NAME=VALUE, not "=x"'],
    [["--setup", "missing.sh"], "--setup could not be read"],
    [["--secret", "X"], "--secret X found no value"],
  ] as const) {
    const wrong = await here.run(["env", "edit", "shop", ...args], { stdin: "\n" });
    assert.equal(wrong.code, 2);
    assert.ok(wrong.stderr.includes(words), wrong.stderr);
  }
});

test("login tries the token, keeps it for its owner only, and later calls use it", async () => {
  await using here = await scene();
  const wrong = await here.bare(["login", here.service.url], { stdin: "fh_wrong\n" });
  assert.equal(wrong.code, 1);
  assert.match(wrong.stderr, /this token is not known/);
  const file = join(here.home, ".config", "farhand", "credentials.json");
  await assert.rejects(stat(file), { code: "ENOENT" });
  const right = await here.bare(["login", `${here.service.url}/`], { stdin: `${TOKEN}\n` });
  assert.deepEqual([right.code, right.stdout], [0, `Logged in to ${here.service.url} as Ada (administrator).\n`]);
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  assert.equal((await here.bare(["list"])).code, 0, "the address of the login is meant where none is named");
  await writeFile(file, "{");
  const damaged = await here.bare(["list"]);
  assert.deepEqual([damaged.code, damaged.stderr], [1, `farhand: ${file} is damaged: remove it and log in again\n`]);
});

test("on the machine of the service its token file is used; for another address never", async () => {
  await using here = await scene();
  const home = join(here.home, "service");
  await mkdir(home);
  const env = { FARHAND_HOME: home, FARHAND_URL: here.service.url };
  const missing = await here.bare(["list"], { env });
  assert.equal(missing.code, 1);
  assert.match(missing.stderr, /^farhand: there is no token for http.*: .*\/service\/token does not exist\./);
  await writeFile(join(home, "token"), `${TOKEN}\n`);
  await chmod(join(home, "token"), 0o600);
  assert.equal((await here.bare(["list"], { env })).code, 0);
  const elsewhere = await here.bare(["list"], { env: { ...env, FARHAND_URL: "http://farhand.invalid" } });
  assert.equal(elsewhere.code, 1);
  assert.match(elsewhere.stderr, /there is no token for http:\/\/farhand\.invalid: "farhand login http:\/\/farhand\.invalid" stores one/);
  await writeFile(join(home, "address"), `${here.service.url}\n`);
  assert.equal((await here.bare(["list"], { env: { FARHAND_HOME: home } })).code, 0, "it is found at any port");
});

test("a wrong command line is 2, a failed request 1, each with one clear message and no stack", async () => {
  await using here = await scene();
  const closed = "http://127.0.0.1:2"; // a port that is given to nobody who asks for any
  const cases: [string[], number, RegExp][] = [
    [["nonsense"], 2, /unknown command 'nonsense'/],
    [["exec", "do it"], 2, /required option '--env <name>' not specified/],
    [["list", "--limit", "many"], 2, /--limit takes a whole number from 1, not "many"/],
    [["status"], 2, /missing required argument 'task'/],
    [["status", "https:///"], 2, /is no task/],
    [["env", "create", "x", "--repo", "y", "--publish", "never"], 2, /--publish takes click or always/],
    [["--url", "not a url", "list"], 1, /"not a url" is no address of Farhand/],
    [["--url", closed, "list"], 1, /cannot reach Farhand at http:\/\/127\.0\.0\.1:\d+ \(ECONNREFUSED\): is it running\? \(npm start\)/],
  ];
  for (const [args, code, words] of cases) {
    const ended = await here.run(args);
    assert.equal(ended.code, code, args.join(" "));
    assert.match(ended.stderr, words);
    assert.doesNotMatch(ended.stderr, /\n\s+at .*[:(]/, "no stack");
  }
  const json = await here.run(["--json", "--url", closed, "list"]);
  assert.equal(JSON.parse(json.stderr).error.code, "unreachable");
  assert.equal((await here.run(["--help"])).code, 0);
  assert.equal((await here.run(["--version"])).stdout, "0.1.0\n");
});

test("a token that was made is printed alone, and kept nowhere", async () => {
  await using here = await scene();
  here.service.routes["POST /tokens"] = {
    status: 201,
    body: { id: "tok_1", name: "ci", scope: "read", createdAt: "2026-01-02T03:04:05Z", lastUsedAt: null, token: "fh_new" },
  };
  assert.equal((await here.run(["token", "create", "ci", "--scope", "read"])).stdout, "fh_new\n");
  assert.equal((await here.run(["token", "create", "ci", "--scope", "some"])).code, 2);
  await assert.rejects(readFile(join(here.home, ".config", "farhand", "credentials.json")), { code: "ENOENT" });
});
