import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { TaskEvent } from "@farhand/protocol";
import { makeRepository, script } from "./repository.ts";
import { type Service, startService } from "./service.ts";

let service: Service;
before(async () => {
  service = await startService();
});
after(async () => {
  await service[Symbol.asyncDispose]();
});

test("a policy from the command line to the sandbox: what it refuses is in the log, in the transcript, and told to the agent", {
  timeout: 300_000,
}, async () => {
  await using shop = await makeRepository();
  const wrong = await service.farhand(["env", "create", "guarded", "--repo", shop.path, "--allow", "*.example.org"]);
  assert.notEqual(wrong.code, 0);
  assert.match(wrong.stderr, /"\*\.example\.org" needs no \*/);
  const made = await service.farhand([
    "env",
    "create",
    "guarded",
    "--repo",
    shop.path,
    "--allow",
    "Example.org",
    "--preset",
    "package-managers",
  ]);
  assert.equal(made.code, 0, made.stderr);
  assert.match(
    made.stdout,
    /network .*these domains and their subdomains, ports 80, 443; presets: package-managers\n.*example\.org, npmjs\.org/,
  );

  const work = script(
    "curl -sS http://www.example.net/ || true; curl -sS https://www.example.net/ || true; for i in $(seq 30); do curl -sS http://10.0.0.1/; done > /dev/null; echo https_proxy=$https_proxy",
  );
  const shown = await service.farhand(["exec", "--env", "guarded", "--wait", "-"], work);
  assert.equal(shown.code, 0, shown.stderr);
  assert.match(shown.stdout, /✖ refused by policy: GET www\.example\.net:80 \(www\.example\.net is not among the domains/);
  assert.match(shown.stdout, /✖ refused by policy: CONNECT www\.example\.net:443/);
  assert.match(shown.stdout, /https_proxy=http:\/\/127\.0\.0\.1:3128/);
  assert.equal(shown.stdout.match(/✖ refused by policy: GET 10\.0\.0\.1:80/g)?.length, 1);

  const id = /task_[0-9a-z]{16}/.exec(shown.stdout)?.[0] ?? assert.fail(shown.stdout);
  const events: TaskEvent[] = [];
  for await (const event of service.client.events(id, { after: 0, signal: AbortSignal.timeout(240_000) })) {
    events.push(event);
    if (event.body.type === "attempt.succeeded") break;
  }
  const counts = events.flatMap(({ body }) => (body.type === "network.request" && body.host === "10.0.0.1" ? [body.count] : []));
  assert.equal(
    counts.reduce((sum, count) => sum + count),
    30,
  );
  assert.ok(counts.length < 10, `${counts.length} events for 30 equal requests`);
  const told = events.flatMap(({ body }) => (body.type === "tool.finished" ? [body.result] : [])).join("\n");
  assert.match(told, /network policy refused these requests; trying again will not help:\n- GET www\.example\.net:80/);

  const closed = await service.farhand(["env", "edit", "guarded", "--network", "none"]);
  assert.match(closed.stdout, /network +none/);
  const without = await service.farhand(
    ["exec", "--env", "guarded", "--wait", "-"],
    script("env | grep -ci proxy || true; ls -l /.farhand/door | cut -c1"),
  );
  assert.match(without.stdout, /\n {2}0\n {2}-\n/);
});

test("setup has the network that is meant for it, the agent its own; a change of setup's runs it anew", { timeout: 300_000 }, async () => {
  await using shop = await makeRepository();
  const ask = "curl -sS http://www.example.net/ http://10.0.0.1/ || true; echo proxy=$http_proxy > ~/seen";
  const made = await service.said(["env", "create", "phases", "--repo", shop.path, "--setup", "-"], ask);
  assert.match(
    made,
    /network +none\n +in setup +these domains and their subdomains, ports 80, 443; presets: package-managers\n +npmjs\.org/,
  );
  const work = async () => {
    const shown = await service.said(["exec", "--env", "phases", "--wait", "-"], script("cat ~/seen; env | grep -ci proxy || true"));
    const events = await service.client.eventPage(/task_[0-9a-z]{16}/.exec(shown)?.[0] ?? "", { limit: 500 });
    const requests = events.flatMap(({ body }) => (body.type === "network.request" ? [`${body.phase} ${body.decision} ${body.host}`] : []));
    return { shown, requests };
  };
  const first = await work();
  assert.match(first.shown, /proxy=http:\/\/127\.0\.0\.1:3128\n\s+0\n/);
  assert.match(first.shown, /✖ refused by policy: GET www\.example\.net:80/);
  assert.deepEqual(first.requests, ["setup refused www.example.net", "setup refused 10.0.0.1"]);

  const closed = await service.said(["env", "edit", "phases", "--setup-network", "none"]);
  assert.match(closed, /in setup +none/);
  const second = await work();
  assert.match(second.shown, /setup run: the network of setup was changed/);
  assert.match(second.shown, /proxy=\n\s+0\n/);
  assert.deepEqual(second.requests, []);
});
