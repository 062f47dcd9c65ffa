import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { taskView } from "@farhand/protocol";
import { run, startService } from "./service.ts";

const command = fileURLToPath(new URL("../packages/cli/src/main.ts", import.meta.url));
const LINK = /http:\/\/[\d.:]+\/#login=([\w-]+)/;

test("the first start makes a sample task that mends a failing test in a real sandbox, and prints a link to log in, until somebody has", {
  timeout: 300_000,
}, async () => {
  const home = await mkdtemp(join(tmpdir(), "farhand-e2e-"));
  const options = { home, keepHome: true, env: { FARHAND_SAMPLE: "yes" } };
  try {
    {
      await using service = await startService(options);
      const { steps, sampleTask } = await service.client.start();
      assert.deepEqual(steps, { model: false, repository: false, task: false });
      assert.ok(sampleTask);
      let result = "";
      for await (const { body } of service.client.events(sampleTask)) {
        if (body.type === "tool.finished") result = body.result;
        if (body.type === "attempt.succeeded") break;
        assert.notEqual(body.type, "attempt.failed", JSON.stringify(body));
      }
      assert.match(result, /pass 6\n/);
      assert.match(result, /3\.34\n3\.33\n3\.33\n/);
      const task = await service.client.task(sampleTask);
      assert.equal(taskView(task), "review");
      assert.match(new TextDecoder().decode(await service.client.patch(sampleTask, 1)), /^\+ {2}const left = /m);
      await service.client.archive(sampleTask);
      assert.equal((await service.client.start()).sampleTask, null);
      const made = await run(process.execPath, [command, "login-link"], { PATH: process.env.PATH, HOME: home, FARHAND_HOME: home });
      assert.match(made.stdout, LINK, "on this machine the service is found at any port");

      while (!LINK.test(service.printed())) await sleep(50); // it comes after the service is ready
      const token = LINK.exec(service.printed())?.[1] ?? assert.fail("no link was printed");
      const body = JSON.stringify({ token });
      const answer = await fetch(`${service.url}/api/v1/session/link`, {
        method: "POST",
        headers: { "content-type": "application/json", origin: service.url },
        body,
      });
      assert.equal(answer.status, 204);
      const cookie = answer.headers.getSetCookie()[0]?.split(";")[0] ?? "";
      const me = await fetch(`${service.url}/api/v1/me`, { headers: { cookie } });
      assert.equal(((await me.json()) as { role: string }).role, "administrator");
    }
    await using again = await startService(options);
    assert.doesNotMatch(again.printed(), LINK);
    assert.equal((await again.client.start()).sampleTask, null);
    assert.equal((await again.client.tasks({ filter: "archived" })).tasks.length, 1, "the sample is not made again");
  } finally {
    await rm(home, { recursive: true, force: true });
  }
});

test("a sample that cannot be made is said, and stops nothing", async () => {
  const home = await mkdtemp(join(tmpdir(), "farhand-e2e-"));
  try {
    await run("chmod", ["755", home]);
    await run("sh", ["-c", `echo in the way > ${join(home, "sample")}`]);
    await using service = await startService({ home, keepHome: true, env: { FARHAND_SAMPLE: "yes" } });
    assert.match(service.printed(), /The sample project could not be made: /);
    assert.equal((await service.client.start()).sampleTask, null);
  } finally {
    await rm(home, { recursive: true, force: true });
  }
});
