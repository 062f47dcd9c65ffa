import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, open, readFile, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { type AddressInfo, connect, createServer as createTcpServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { eventually } from "../contract.ts";
import type { NetworkRequest, NetworkRule, Sandbox } from "../sandbox.ts";
import { run, type TestDriver, testDriver } from "../testing.ts";
import { runAsOrdinaryUser } from "../testing-ordinary.ts";
import { openDoor } from "./door.ts";
import { keepingWatch, PUBLIC, PUBLIC_IPV6, testRoads } from "./testing.ts";

const host = promisify(execFile);
const RULE: NetworkRule = { kind: "allow", domains: ["example.org"] };
const secret = "what only the server behind the door knows";

/** Names of the tests and their addresses. `turning` answers with a public address first and a private one from then on. */
const NAMES: Readonly<Record<string, string[]>> = {
  "www.example.org": [PUBLIC],
  "six.example.org": [PUBLIC_IPV6],
  "private.example.org": ["10.0.0.1"],
  "loopback.example.org": ["127.0.0.1"],
  "metadata.example.org": ["169.254.169.254"],
  "mapped.example.org": ["::ffff:127.0.0.1", "64:ff9b::7f00:1"],
  "mixed.example.org": ["127.0.0.1", PUBLIC],
  "www.example.net": [PUBLIC],
};

let folder: string;
let driver: TestDriver;
let turned = 0;
const servers: Server[] = [];
const ports: Record<number, number> = {};
const seenByServer: { request: string; headers: string[]; body: string }[] = [];
const roads = testRoads(
  (name) => (name === "turning.example.org" ? (turned++ === 0 ? [PUBLIC] : ["127.0.0.1"]) : (NAMES[name] ?? [])),
  ports,
);
const watch = keepingWatch();
let sandbox: Sandbox;

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  let body = "";
  for await (const piece of request) body += piece;
  seenByServer.push({ request: `${request.method} ${request.url}`, headers: request.rawHeaders, body });
  if (request.url === "/away") return void response.writeHead(302, { location: "http://10.0.0.1/latest/meta-data/" }).end();
  if (request.url?.startsWith("/shop.git/")) {
    const file = await readFile(join(folder, request.url.slice(1).split("?")[0] ?? "")).catch(() => null);
    return void response.writeHead(file ? 200 : 404).end(file);
  }
  if (request.url === "/large") return void response.end(Buffer.alloc(20_000_000, "x"));
  response.setHeader("Connection", "close, X-Hop").setHeader("X-Hop", "one").setHeader("Set-Cookie", ["a=1", "b=2"]);
  response.end(`${secret}: ${body}`);
}

async function listen(server: Server): Promise<number> {
  servers.push(server);
  await once(server.listen(0, "127.0.0.1"), "listening");
  return (server.address() as AddressInfo).port;
}

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "farhand-door-"));
  const name = ["-subj", "/CN=www.example.org", "-addext", "subjectAltName=DNS:www.example.org"];
  await host("openssl", [
    "req",
    "-x509",
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:P-256",
    "-nodes",
    "-days",
    "2",
    ...name,
    "-keyout",
    join(folder, "key"),
    "-out",
    join(folder, "cert"),
  ]);
  await host("git", ["init", "--quiet", "--bare", "--initial-branch=main", join(folder, "shop.git")]);
  const identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"];
  const git = (...args: string[]) => host("git", [...identity, "-C", join(folder, "shop.git"), ...args]);
  const { stdout: tree } = await git("hash-object", "-t", "tree", "-w", "/dev/null");
  const { stdout: commit } = await git("commit-tree", "-m", "From the net", tree.trim());
  await git("update-ref", "refs/heads/main", commit.trim());
  await git("update-server-info");
  ports[80] = await listen(createServer((request, response) => void answer(request, response)));
  const secure = { key: await readFile(join(folder, "key")), cert: await readFile(join(folder, "cert")) };
  ports[443] = await listen(createSecureServer(secure, (request, response) => void answer(request, response)));
  ports[22] = ports[80];
  driver = await testDriver("farhand-door-home-", roads);
  sandbox = await driver.create({ network: RULE, watch });
  await run(sandbox, ["dd", "status=none", "of=/home/agent/cert"], { stdin: secure.cert });
});
after(async () => {
  await driver[Symbol.asyncDispose]();
  for (const server of servers) server.close();
  await rm(folder, { recursive: true });
});

/** Runs a script and returns its output with the requests that the watch saw meanwhile. */
async function go(script: string, inside = sandbox) {
  const from = watch.requests.length;
  const { stdout, stderr, exit } = await run(inside, script);
  return { stdout, stderr, code: exit.kind === "exited" ? exit.code : -1, requests: watch.requests.slice(from) };
}

/** What a request was, and the rule that decided. */
const words = (requests: NetworkRequest[]) =>
  requests.map(({ method, host, port, decision, rule }) => `${method} ${host}:${port} ${decision}: ${rule}`);

/** Sends bytes to the proxy as they are, and returns what comes until it closes, or until then. */
async function raw(bytes: string, patienceMs = 60_000) {
  const script = `const s = require("node:net").connect(3128, "127.0.0.1"); process.stdin.pipe(s, { end: false }); s.pipe(process.stdout); s.on("error", () => {}); setTimeout(() => s.destroy(), ${patienceMs}).unref(); s.on("close", () => process.exit())`;
  const from = watch.requests.length;
  const { stdout } = await run(sandbox, ["/.farhand/node", "-e", script], { stdin: Buffer.from(bytes, "latin1") });
  return { stdout, requests: watch.requests.slice(from) };
}

test("http by curl, with a body, and each header and length written anew", async () => {
  const { stdout, requests } = await go(
    "curl -sS -i -H 'Connection: X-Mine, close' -H 'X-Mine: hop' -H 'Proxy-Authorization: Basic x' -H 'X-End: 1' -d data http://www.example.org/a?b",
  );
  assert.match(stdout, new RegExp(`${secret}: data$`));
  assert.match(stdout, /set-cookie: a=1\r\nset-cookie: b=2\r\n/i);
  assert.doesNotMatch(stdout, /x-hop/i);
  assert.deepEqual(words(requests), ["POST www.example.org:80 allowed: example.org"]);
  const last = seenByServer.at(-1);
  assert.equal(last?.request, "POST /a?b");
  const names = last?.headers.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());
  assert.deepEqual(names?.filter((name) => /mine|proxy|end|host|length/.test(name)).sort(), ["content-length", "host", "x-end"]);
  assert.deepEqual(roads.asked.at(-1), { address: PUBLIC, port: 80 });
  await eventually(async () => (watch.bytes.get(requests[0] as NetworkRequest) ?? 0) > 100);
});

test("https by curl, Node's fetch and Python's urllib, git over http", async (t) => {
  const secure = await go("curl -sS --cacert /home/agent/cert https://www.example.org/");
  assert.match(secure.stdout, new RegExp(secret));
  assert.deepEqual(words(secure.requests), ["CONNECT www.example.org:443 allowed: example.org"]);
  const fetched = await go(
    `NODE_EXTRA_CA_CERTS=/home/agent/cert /.farhand/node -e 'fetch("https://www.example.org/").then((r) => r.text()).then(console.log)'`,
  );
  assert.match(fetched.stdout, new RegExp(secret), fetched.stderr);
  const cloned = await go("git clone --quiet http://www.example.org/shop.git /home/agent/shop && git -C /home/agent/shop log --format=%s");
  assert.equal(cloned.stdout, "From the net\n", cloned.stderr);
  const python = "/usr/bin/python3";
  if ((await run(sandbox, [python, "--version"])).exit.kind !== "exited") return t.skip("no Python");
  const opened = await go(
    `[ ! -x ${python} ] || ${python} -c 'import urllib.request as u; print(u.urlopen("http://www.example.org/").read().decode())'`,
  );
  if (opened.requests.length > 0) assert.match(opened.stdout, new RegExp(secret), opened.stderr);
});

test("a large answer arrives whole", async () => {
  assert.equal((await go("curl -sS http://www.example.org/large | wc -c")).stdout.trim(), "20000000");
});

test("refused: other hosts, addresses, ports, schemes; each with its reason in the answer", async () => {
  for (const [target, rule] of [
    ["http://www.example.net/", /GET www\.example\.net:80 refused: allowed domains/],
    ["http://10.0.0.1/", /GET 10\.0\.0\.1:80 refused: names only/],
    ["http://169.254.169.254/latest/meta-data/", /names only/],
    [`http://${PUBLIC}/`, /names only/],
    ["http://[::1]/", /names only/],
    ["http://[::ffff:127.0.0.1]/", /names only/],
    ["http://www.example.org:22/", /GET www\.example\.org:22 refused: ports 80, 443/],
    ["http://private.example.org/", /public addresses only/],
    ["http://loopback.example.org/", /public addresses only/],
    ["http://metadata.example.org/", /public addresses only/],
    ["http://mapped.example.org/", /public addresses only/],
  ] as const) {
    const asked = roads.asked.length;
    const { stdout, requests } = await go(`NO_PROXY= no_proxy= curl -sS -g '${target}'`);
    assert.match(stdout, /^refused by policy: GET .*\(.+\)\n$/, target);
    assert.match(words(requests).join(), rule);
    const tunnel = await go(`NO_PROXY= no_proxy= curl -sS -g -p '${target}'`);
    assert.match(tunnel.stderr, /403/, target);
    assert.equal(tunnel.requests[0]?.method, "CONNECT");
    assert.equal(roads.asked.length, asked, `nothing was connected for ${target}`);
  }
  assert.match((await raw("CONNECT www.example.org:22 HTTP/1.1\r\n\r\n")).stdout, /^HTTP\/1\.1 403 /);
  assert.match((await raw("CONNECT www.example.org:443 HTTP/1.1\r\n\r\nno TLS\r\n\r\n")).stdout, /^HTTP\/1\.1 200 /, "control");
});

test("under `all` too, no address that is not public", async () => {
  await using open = await driver.create({ network: { kind: "all" }, watch });
  for (const target of [
    "10.0.0.1",
    "127.0.0.1",
    "169.254.169.254",
    "[::1]",
    "[::ffff:10.0.0.1]",
    "[fd00:ec2::254]",
    "[64:ff9b::a00:1]",
    "private.example.org",
    "mapped.example.org",
  ]) {
    const { stdout, requests } = await go(`NO_PROXY= no_proxy= curl -sS -g 'http://${target}/'`, open);
    assert.match(stdout, /^refused by policy/, target);
    assert.equal(requests[0]?.rule, "public addresses only");
  }
  for (const target of [PUBLIC, `[${PUBLIC_IPV6}]`, "www.example.net"])
    assert.match((await go(`curl -sS -g 'http://${target}/'`, open)).stdout, new RegExp(secret), `control: ${target}`);
});

test("the connection goes to the address that was judged: a name cannot turn between the two", async () => {
  const before = roads.resolved.length;
  assert.match((await go("curl -sS http://turning.example.org/")).stdout, new RegExp(secret));
  assert.equal(roads.resolved.length, before + 1, "resolved once");
  assert.deepEqual(roads.asked.at(-1), { address: PUBLIC, port: 80 });
  assert.match((await go("curl -sS http://turning.example.org/")).stdout, /127\.0\.0\.1 is a loopback address/);
  assert.match((await go("curl -sS http://mixed.example.org/")).stdout, new RegExp(secret));
  assert.deepEqual(roads.asked.at(-1), { address: PUBLIC, port: 80 }, "of several addresses only the public ones");
  assert.match((await go("curl -sS http://six.example.org/")).stdout, new RegExp(secret));
  assert.deepEqual(roads.asked.at(-1), { address: PUBLIC_IPV6, port: 80 });
});

test("a redirect to a private address is a request of its own, and refused", async () => {
  const { stdout, requests } = await go("curl -sSL http://www.example.org/away");
  assert.match(stdout, /^refused by policy: GET 10\.0\.0\.1:80/);
  assert.deepEqual(
    requests.map(({ decision }) => decision),
    ["allowed", "refused"],
  );
});

test("a name without an address, and a server that is not there, are failures and not refusals", async () => {
  const unknown = await go("curl -sS -w '%{http_code}' http://unknown.example.org/");
  assert.match(unknown.stdout, /no address of unknown\.example\.org was found\n502$/);
  assert.deepEqual(
    unknown.requests.map(({ decision }) => decision),
    ["allowed"],
  );
});

test("requests that two parsers could read in two ways are not passed on", async () => {
  const line = "POST http://www.example.org/smuggled HTTP/1.1\r\nHost: www.example.org\r\n";
  const inner = "GET /inner HTTP/1.1\r\nHost: www.example.org\r\n\r\n";
  const passed = seenByServer.length;
  for (const attempt of [
    `${line}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${inner}`,
    `${line}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello${inner}`,
    `${line}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n${inner}`,
    `${line}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n${inner}`,
    `${line}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n${inner}`,
    `${line}Host: www.example.net\r\nContent-Length: 0\r\n\r\n`,
    `${line}X: a\nContent-Length: 0\r\n\r\n`,
    `${line}X: a\r\n Content-Length: 7\r\n\r\n${inner}`,
    `GET http://www.example.org/ HTTP/1.1\r\nX: ${"y".repeat(40_000)}\r\n\r\n`,
    "GET http://www.example.org/a b HTTP/1.1\r\n\r\n",
    "GET http://user@www.example.org/ HTTP/1.1\r\n\r\n",
    "GET http://www.example.net\\@www.example.org/ HTTP/1.1\r\n\r\n",
    "GET /only-a-path HTTP/1.1\r\nHost: www.example.org\r\n\r\n",
    "GET https://www.example.org/ HTTP/1.1\r\n\r\n",
    "CONNECT www.example.org HTTP/1.1\r\n\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "\x16\x03\x01\x00\x05hello",
    "\x05\x01\x00",
  ]) {
    const { stdout, requests } = await raw(attempt, 3000); // it may wait for more, which is no answer either
    assert.match(stdout, /^(HTTP\/1\.1 4\d\d |$)/, JSON.stringify(attempt.slice(0, 200)));
    assert.ok(requests.every(({ decision }) => decision === "refused"));
  }
  assert.equal(seenByServer.length, passed, JSON.stringify(seenByServer.slice(passed)));
  const control = await raw(`${line}Content-Length: 5\r\nConnection: close\r\n\r\nhello`);
  assert.match(control.stdout, new RegExp(`${secret}: hello`), "control");
  const lying = await raw("GET http://www.example.org/ HTTP/1.1\r\nHost: www.example.net\r\nConnection: close\r\n\r\n");
  assert.match(lying.stdout, /200 OK/);
  assert.ok(
    seenByServer.at(-1)?.headers.includes("www.example.org") && !seenByServer.at(-1)?.headers.includes("www.example.net"),
    "the host asked for is the one judged",
  );
});

test("nothing goes past the door: no DNS, no UDP, no TCP of its own", async () => {
  const script = `
    const { createSocket } = require("node:dgram"), net = require("node:net"), dns = require("node:dns");
    const udp = createSocket("udp4"); udp.on("error", (e) => console.log("udp", e.code));
    udp.send("x", 53, "192.31.196.10", (e) => { console.log("udp", e ? e.code : "sent"); udp.close(); });
    net.connect(443, "192.31.196.10").on("error", (e) => console.log("tcp", e.code)).on("connect", () => console.log("tcp connected"));
    net.connect(443, "2620:4f:8000::10").on("error", (e) => console.log("tcp6", e.code));
    dns.lookup("www.example.org", (e) => console.log("dns", e && e.code));`;
  const { stdout } = await run(sandbox, ["/.farhand/node", "-e", script]);
  assert.match(stdout, /udp ENETUNREACH/);
  assert.match(stdout, /tcp ENETUNREACH/);
  assert.match(stdout, /tcp6 E(NETUNREACH|ADDRNOTAVAIL)/);
  assert.match(stdout, /dns E/);
});

test("a sandbox without network has neither door nor variables, and does not reach another's", async () => {
  await using closed = await driver.create({});
  const look = await run(
    closed,
    "env | grep -i proxy; ls /.farhand; ls -l /.farhand/door | cut -c1; curl -sS http://www.example.org/; curl -sS -x http://127.0.0.1:3128 http://www.example.org/",
  );
  assert.doesNotMatch(look.stdout, /127\.0\.0\.1|proxy/i);
  assert.match(look.stdout, /\n-\n$/, "an empty file, where others have a socket");
  assert.match(look.stderr, /(Could not|resolve|connect)[\s\S]*(refused|connect)/i);
  const connectDoor = `require("node:net").connect("/.farhand/door").on("error", (e) => console.log(e.code)).on("connect", function () { console.log("connected"); this.destroy(); })`;
  assert.match((await run(closed, ["/.farhand/node", "-e", connectDoor])).stdout, /ECONNREFUSED|EACCES/);
  assert.match((await run(sandbox, ["/.farhand/node", "-e", connectDoor])).stdout, /connected/, "control");
  const path = join(driver.home, "sandboxes", sandbox.run, "door");
  const [there, away] = await Promise.all([sandbox, closed].map((one) => run(one, ["ls", path])));
  assert.match(`${there?.stderr}${away?.stderr}`, /No such file[\s\S]*No such file/);
  const replaced = await run(
    sandbox,
    "rm -f /.farhand/door; mv /.farhand/door /tmp/x; echo x > /.farhand/door; ls -l /.farhand/door | cut -c1",
    {},
  );
  assert.equal(replaced.stdout, "s\n");
  const abstract = await run(sandbox, "grep -c @ /proc/net/unix");
  assert.equal(abstract.stdout, "0\n", "no abstract socket is in sight");
});

test("each sandbox has its own rule, and two at once do not mix", async () => {
  await using other = await driver.create({ network: { kind: "allow", domains: ["example.net"] }, watch });
  const [mine, theirs] = await Promise.all([
    go("curl -sS http://www.example.net/"),
    run(other, "curl -sS http://www.example.net/; curl -sS http://www.example.org/"),
  ]);
  assert.match(mine.stdout, /^refused by policy/);
  assert.match(theirs.stdout, new RegExp(`^${secret}: refused by policy: GET www\\.example\\.org`));
});

test("connections beyond the most are closed, the others go on; disposal closes all on both sides", async () => {
  const held = new Set<Socket>();
  const holder = createTcpServer((socket) => {
    held.add(socket);
    socket.on("error", () => {}).on("close", () => held.delete(socket));
  });
  const web = ports[443] ?? 0;
  ports[443] = await listen(holder);
  try {
    const busy = await driver.create({ network: RULE, watch });
    const script = `const net = require("node:net"); let open = 0, shut = 0; const say = () => open + shut === 300 && console.log("open " + open);
      for (let i = 0; i < 300; i++) { const s = net.connect(3128, "127.0.0.1", () => s.write("CONNECT www.example.org:443 HTTP/1.1\\r\\n\\r\\n")); let done = false;
      s.on("error", () => {}); s.once("data", () => { done = true; open++; say(); }); s.on("close", () => { if (!done) { shut++; say(); } }); }`;
    const execution = busy.exec({ argv: ["/.farhand/node", "-e", script], cwd: "/", timeoutMs: 60_000 }, AbortSignal.timeout(60_000));
    execution.exit.catch(() => {});
    let text = "";
    for await (const { bytes } of execution.output) {
      text += Buffer.from(bytes).toString();
      if (text.includes("\n")) break;
    }
    assert.equal(text, "open 256\n");
    await eventually(async () => held.size === 256);
    const from = watch.requests.length - 256;
    await busy[Symbol.asyncDispose]();
    await eventually(async () => held.size === 0);
    assert.ok(
      watch.requests.slice(from).every((request) => watch.bytes.has(request)),
      "the end of each was told before the disposal ended",
    );
  } finally {
    ports[443] = web;
  }
});

test("the end of a door closes every connection, whoever holds on to it, and comes when all are closed", { timeout: 120_000 }, async () => {
  const own = keepingWatch();
  const path = join(folder, "a long name, longer than the address of a socket may be, ".repeat(3));
  await mkdir(path);
  const door = await openDoor({ path: join(path, "door"), rule: RULE, watch: own, roads });
  const directory = await open(path);
  const client = connect({ path: `/proc/self/fd/${directory.fd}/door`, allowHalfOpen: true });
  client.on("error", () => {}).write("CONNECT www.example.org:443 HTTP/1.1\r\n\r\n");
  assert.match(String((await once(client, "data"))[0]), /^HTTP\/1\.1 200 /);
  const closed = once(client, "close");
  await Promise.all([door[Symbol.asyncDispose](), door[Symbol.asyncDispose]()]);
  assert.equal(own.bytes.size, 1, "the end of the request is told");
  client.resume().end();
  await closed;
  const late = connect(`/proc/self/fd/${directory.fd}/door`);
  assert.match(String((await once(late, "error"))[0]), /ENOENT|ECONNREFUSED/);
  await directory.close();
});

test("while nobody watches, a sandbox reaches nothing, and what it held is cut; afterwards another is told", {
  timeout: 120_000,
}, async () => {
  const before = keepingWatch();
  await using rests = await driver.create({ network: RULE, watch: before });
  const web = "HTTP_PROXY= curl -s --max-time 60 -x http://127.0.0.1:3128 http://www.example.org/";
  const holding = run(
    rests,
    '(printf \'CONNECT www.example.org:443 HTTP/1.1\\r\\n\\r\\n\'; sleep 60) | /.farhand/node -e \'process.stdin.pipe(require("node:net").connect(3128, "127.0.0.1").on("close", () => process.exit()))\'',
  );
  holding.catch(() => {});
  await eventually(async () => before.requests.length === 1);
  await rests.watchedBy(null);
  assert.equal(before.bytes.size, 1, "the end of its request was told before");
  assert.match((await run(rests, web)).stdout, /refused by policy: GET www\.example\.org:80 \(nobody works/);
  assert.equal(before.requests.length, 1);
  const after = keepingWatch();
  await rests.watchedBy(after);
  assert.match((await run(rests, web)).stdout, new RegExp(secret));
  assert.deepEqual([before.requests.length, after.requests.length], [1, 1]);
});

test("a sandbox that is killed loses its connections too", async () => {
  const doomed = await driver.create({ network: RULE, watch });
  const running = run(
    doomed,
    "(printf 'CONNECT www.example.org:443 HTTP/1.1\\r\\n\\r\\n'; sleep 60) | /.farhand/node -e 'process.stdin.pipe(require(\"node:net\").connect(3128, \"127.0.0.1\"))'",
  );
  running.catch(() => {});
  const from = watch.requests.length;
  await eventually(async () => watch.requests.length > from);
  await run(doomed, "kill -9 2").catch(() => {});
  await eventually(async () => watch.bytes.has(watch.requests[from] as NetworkRequest));
  await doomed[Symbol.asyncDispose]();
});

test("a layer made behind a door brings no door to the next sandbox", async () => {
  const made = await driver.create({ network: RULE, watch });
  await run(made, "echo kept > /workspace/kept");
  const layer = await driver.driver.seal(made, "behind a door");
  await using next = await driver.create({ layers: [layer] });
  assert.equal((await run(next, "cat /workspace/kept; ls -l /.farhand/door | cut -c1; env | grep -ic proxy")).stdout, "kept\n-\n0\n");
});

test("the same as an ordinary user", { skip: process.geteuid?.() !== 0 && "runs as one already" }, async () => {
  assert.match(await runAsOrdinaryUser("egress/door.test.ts"), /a name cannot turn between the two/);
});
