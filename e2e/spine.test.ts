import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { makeRepository, script } from "./repository.ts";
import { idIn, run, type Service, startService } from "./service.ts";

let service: Service;
before(async () => {
  service = await startService();
});
after(async () => {
  await service[Symbol.asyncDispose]();
});

const farhand = (args: readonly string[], stdin = "") => service.said(args, stdin);

test("from a prompt on the command line to a branch in the repository", { timeout: 300_000 }, async () => {
  await using shop = await makeRepository({ "README.md": "# Shop\n", "old.txt": "old\n", "run.sh": "#!/bin/sh\n" });
  await farhand(["env", "create", "shop", "--repo", shop.path]);
  const work = script(
    "echo goodbye >> README.md\nrm old.txt\nchmod +x run.sh",
    "printf '\\0\\1\\2' > logo.bin\nln -s README.md link\nprintf 'no newline' > end.txt\nmkdir -p deep/er && echo x > 'deep/er/náme with space'",
  );
  const shown = await farhand(["exec", "--env", "shop", "--model", "script", "--title", "Say goodbye", "--wait", "-"], work);
  const id = idIn(shown);
  assert.match(shown, /\$ echo goodbye/);
  assert.match(shown, /Ran 2 blocks; all passed/);

  const diff = await farhand(["diff", id]);
  assert.match(diff, /^\+goodbye$/m);
  assert.match(diff, /^GIT binary patch$/m);

  const published = await farhand(["pr", id]);
  const branch = /farhand\/say-goodbye-\w{6}/.exec(published)?.[0] ?? assert.fail(published);
  assert.equal(
    await shop.git("log", "-1", "--format=%s|%an|%P", branch),
    `Say goodbye|${(await service.client.me()).name}|${await shop.git("rev-parse", "main")}`,
  );
  assert.equal(
    await shop.git("diff-tree", "-r", "--name-status", "main", branch),
    ["M\tREADME.md", 'A\t"deep/er/n\\303\\241me with space"', "A\tend.txt", "A\tlink", "A\tlogo.bin", "D\told.txt", "M\trun.sh"].join("\n"),
  );
  assert.match(await shop.git("ls-tree", branch, "run.sh", "link"), /^120000 .*\tlink\n100755 .*\trun\.sh$/);
  assert.equal(await shop.git("status", "--porcelain"), "", "the repository's own working tree is untouched");

  const before = await shop.git("rev-parse", branch);
  assert.match(await farhand(["pr", id]), new RegExp(before), "asking again repeats nothing");

  await shop.git("checkout", "--quiet", "--detach", "main");
  const applied = await run(
    process.execPath,
    [join(import.meta.dirname, "../packages/cli/src/main.ts"), "apply", id],
    { ...process.env, FARHAND_URL: service.url, FARHAND_TOKEN: service.token },
    "",
    shop.path,
  );
  assert.equal(applied.code, 0, applied.stderr);
  assert.equal(await shop.git("write-tree"), await shop.git("rev-parse", `${branch}^{tree}`), "apply stages exactly what was published");
});

test("a commit names the address of its transcript where the environment wants it", { timeout: 300_000 }, async () => {
  await using shop = await makeRepository({ "README.md": "# Shop\n" });
  await farhand(["env", "create", "open-book", "--repo", shop.path, "--transcript", "link"]);
  const id = idIn(await farhand(["exec", "--env", "open-book", "--model", "script", "--wait", "-"], script("echo more >> README.md")));
  const branch = /farhand\/\S+/.exec(await farhand(["pr", id]))?.[0] ?? assert.fail();
  assert.match(
    await shop.git("log", "-1", "--format=%(trailers)", branch),
    new RegExp(`^Farhand-Transcript: ${service.url}/tasks/${id}$`, "m"),
  );
});

test("a second task stands on the first checkout, at the branch's new commit, and keeps the old one's history", {
  timeout: 300_000,
}, async () => {
  await using shop = await makeRepository();
  await farhand(["env", "create", "moving", "--repo", shop.path]);
  await farhand(["exec", "--env", "moving", "--wait", "-"], script("git log --oneline"));
  await writeFile(join(shop.path, "new.txt"), "new\n");
  await shop.git("add", "--all");
  await shop.git("commit", "--quiet", "--message=Second");
  const shown = await farhand(
    ["exec", "--env", "moving", "--wait", "-"],
    script("cat new.txt; git log --oneline | wc -l; git remote; git status --porcelain; git branch --show-current"),
  );
  assert.match(shown, /new\n\s+2\n\s+work\n/);
});

test("publication at once by the environment's policy; a task without a change is not published", { timeout: 300_000 }, async () => {
  await using shop = await makeRepository();
  await farhand(["env", "create", "always", "--repo", shop.path, "--publish", "always"]);
  const id = idIn(await farhand(["exec", "--env", "always", "--title", "Add x", "--wait", "-"], script("echo x > x")));
  for await (const event of service.client.events(id, { after: 0, signal: AbortSignal.timeout(240_000) }))
    if (event.body.type === "publication.published") break;
  assert.match(await shop.git("branch", "--list", "farhand/*"), /farhand\/add-x/);
  const quiet = idIn(await farhand(["exec", "--env", "always", "--wait", "-"], script("true")));
  assert.equal((await service.client.task(quiet)).publication, null);
});

test("a failing block ends the attempt, says which, and keeps the change to look at", { timeout: 300_000 }, async () => {
  await using shop = await makeRepository();
  await farhand(["env", "create", "failing", "--repo", shop.path]);
  const ran = await service.farhand(
    ["exec", "--env", "failing", "--wait", "-"],
    script("echo x > x", "echo no such package >&2; exit 3", "echo never"),
  );
  assert.equal(ran.code, 1);
  const id = idIn(ran.stdout + ran.stderr);
  const task = await service.client.task(id);
  assert.equal(task.status, "failed");
  assert.match(task.statusText, /block 2/i);
  assert.match(await farhand(["diff", id]), /^\+x$/m);
  assert.notEqual((await service.farhand(["pr", id])).code, 0);
});

test("cancel stops a running command and says so", { timeout: 300_000 }, async () => {
  await using shop = await makeRepository();
  await farhand(["env", "create", "slow", "--repo", shop.path]);
  const id = idIn(await farhand(["exec", "--env", "slow", "-"], script("echo begun; sleep 1000")));
  for await (const event of service.client.events(id, { after: 0, signal: AbortSignal.timeout(240_000) }))
    if (event.body.type === "tool.output") break;
  await farhand(["cancel", id]);
  for await (const event of service.client.events(id, { after: 0, signal: AbortSignal.timeout(240_000) }))
    if (event.body.type === "attempt.cancelled") break;
  assert.equal((await service.client.task(id)).status, "cancelled");
  assert.equal((await service.farhand(["archive", id])).code, 0);
});
