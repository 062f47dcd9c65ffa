import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { connect } from "@farhand/protocol";
import { startGitServer } from "../packages/server/src/testing/git-server.ts";
import { makeRepository, script } from "./repository.ts";
import { run, type Service, startService } from "./service.ts";

let service: Service;
before(async () => {
  service = await startService();
});
after(async () => {
  await service[Symbol.asyncDispose]();
});

async function member(name: string) {
  const added = await service.farhand(["user", "add", name, "--email", `${name}@example.org`, "--json"]);
  assert.equal(added.code, 0, added.stderr);
  const { id } = JSON.parse(added.stdout);
  const minted = await service.farhand(["token", "create", "laptop", "--user", id, "--json"]);
  assert.equal(minted.code, 0, minted.stderr);
  const { token } = JSON.parse(minted.stdout) as { token: string };
  return { token, client: connect({ url: service.url, token }) };
}

test("a repository over HTTP with a token: the token goes to git and nowhere else", { timeout: 300_000 }, async () => {
  await using shop = await makeRepository();
  const root = await mkdtemp(join(tmpdir(), "farhand-host-"));
  await run("git", ["clone", "--quiet", "--bare", shop.path, join(root, "shop.git")]);
  const token = "glpat-7h1s-1s-5ecret";
  await using host = await startGitServer({ root, token });
  const url = `${host.url}/shop.git`;

  const refused = await service.farhand(["env", "create", "hosted", "--repo", url]);
  assert.match(refused.stderr, /asks for an access token/);
  const wrong = await service.farhand(["env", "create", "hosted", "--repo", url, "--token-stdin"], "wrong");
  assert.match(wrong.stderr, /refused the access token/);
  const made = await service.farhand(["env", "create", "hosted", "--repo", url, "--token-stdin"], token);
  assert.equal(made.code, 0, made.stderr);

  const ran = await service.farhand(
    ["exec", "--env", "hosted", "--title", "Add x", "--wait", "-"],
    script("echo x > x; env; git config --list; cat .git/config"),
  );
  assert.equal(ran.code, 0, ran.stderr);
  const published = await service.farhand(["pr", /task_\w{16}/.exec(ran.stdout)?.[0] ?? ""]);
  assert.equal(published.code, 0, published.stderr);
  const branches = await run("git", ["-C", join(root, "shop.git"), "branch", "--list", "farhand/*"]);
  assert.match(branches.stdout, /farhand\/add-x/);

  for (const [where, text] of [
    ["transcript", ran.stdout],
    ["log", service.printed()],
    ["environment", JSON.stringify(await service.client.environment("hosted"))],
  ] as const) {
    assert.ok(!text.includes(token), `the token is in the ${where}`);
  }
  const found = await run("grep", ["-rlaF", token, service.home]);
  assert.equal(found.stdout, "", "the token is in no file of the service");
  await rm(root, { recursive: true });
});

test("members see their own tasks only, and no path or private address of the server", { timeout: 300_000 }, async () => {
  await using shop = await makeRepository();
  await service.client.createEnvironment({ name: "shared", repository: shop.path });
  const [bob, eve] = [await member("bob"), await member("eve")];
  const task = await bob.client.createTask({ environment: "shared", prompt: script("echo x > x") });
  await assert.rejects(eve.client.task(task.id), /no task/);
  assert.deepEqual((await eve.client.tasks()).tasks, []);
  assert.equal(
    (await service.client.tasks()).tasks.some(({ id }) => id === task.id),
    true,
  );
  await assert.rejects(bob.client.createEnvironment({ name: "etc", repository: "/etc" }), /administrators/);
  for (const address of ["127.0.0.1", "10.0.0.1", "169.254.169.254", "[::1]", "localhost"]) {
    await assert.rejects(
      bob.client.createEnvironment({ name: "inside", repository: `https://${address}/x.git` }),
      /no public address/,
      address,
    );
  }
  await assert.rejects(bob.client.changeEnvironment("shared", { publish: "always" }), /somebody else's/);
});
