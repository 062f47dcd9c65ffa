import assert from "node:assert/strict";
import { mkdtemp, rm, statfs, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { ApiError } from "@farhand/protocol";
import { makeRepository, script } from "./repository.ts";
import { run, startService } from "./service.ts";

const MiB = 1024 * 1024;

test("the disk runs full: it is said in words, nothing accepted is lost, and it goes on when there is room", {
  timeout: 180_000,
  skip: process.getuid?.() !== 0 && "only root can make a small disk",
}, async () => {
  const home = await mkdtemp(join(tmpdir(), "farhand-small-"));
  assert.equal((await run("mount", ["-t", "tmpfs", "-o", "size=1500m,mode=0755", "tmpfs", home])).code, 0);
  try {
    await using shop = await makeRepository();
    {
      await using service = await startService({ home, keepHome: true });
      await service.client.createEnvironment({ name: "shop", repository: shop.path });
      const before = await service.farhand(["exec", "--env", "shop", "--wait", "-"], script("echo x > x"));
      assert.equal(before.code, 0, before.stderr);

      const { bavail, bsize } = await statfs(home);
      for (let left = bavail * bsize, n = 0; left > 0; left -= 64 * MiB, n++) {
        await writeFile(join(home, `ballast-${n}`), Buffer.alloc(Math.min(left, 64 * MiB))).catch(() => {});
      }
      const accepted: string[] = [];
      const refusals: string[] = [];
      for (let i = 0; i < 20 && refusals.length === 0; i++) {
        await service.client.createTask({ environment: "shop", prompt: `${script("echo y > y")}\n${"filler ".repeat(60_000)}` }).then(
          (task) => accepted.push(task.id),
          (error) => refusals.push(error instanceof ApiError ? error.message : String(error)),
        );
      }
      for (const words of refusals) assert.match(words, /disk|database does not answer/, words);
      await run("sh", ["-c", `rm -f ${home}/ballast-*`]);
      for (const id of accepted) {
        for await (const event of service.client.events(id, { after: 0, signal: AbortSignal.timeout(60_000) })) {
          if (["attempt.succeeded", "attempt.failed"].includes(event.body.type)) break;
        }
        const { status, statusText } = await service.client.task(id);
        assert.ok(status === "ready" || /disk|space|room/i.test(statusText), statusText);
      }
      const after = await service.farhand(["exec", "--env", "shop", "--wait", "-"], script("echo z > z"));
      assert.equal(after.code, 0, after.stdout + after.stderr);
    }
  } finally {
    await run("umount", [home]);
    await rm(home, { recursive: true, force: true });
  }
});
