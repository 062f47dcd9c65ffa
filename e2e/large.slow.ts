import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { makeRepository, script } from "./repository.ts";
import { startService } from "./service.ts";

const FOLDERS = 500;
const FILES = 100;

test("a repository of 50,000 files: checked out once, stood on by the next tasks, collected whole", { timeout: 300_000 }, async () => {
  await using service = await startService();
  await using large = await makeRepository();
  for (let folder = 0; folder < FOLDERS; folder++) {
    const path = join(large.path, `folder-${folder}`);
    await mkdir(path);
    await Promise.all(Array.from({ length: FILES }, (_, file) => writeFile(join(path, `file-${file}.txt`), `${folder} ${file}\n`)));
  }
  await large.git("add", "--all");
  await large.git("commit", "--quiet", "--message=Grow");
  await service.client.createEnvironment({ name: "large", repository: large.path });
  const first = await service.farhand(
    ["exec", "--env", "large", "--wait", "-"],
    script("git ls-files | wc -l; for f in */file-7.txt; do echo changed >> $f; done"),
  );
  assert.match(first.stdout, /^\s*50001$/m);
  assert.match(first.stdout, new RegExp(`${FOLDERS} files`));
  assert.equal(first.code, 0, first.stderr);

  await large.git("rm", "-r", "--quiet", "folder-0");
  await large.git("commit", "--quiet", "--message=Shrink");
  const second = await service.farhand(
    ["exec", "--env", "large", "--wait", "-"],
    script("git status --porcelain | wc -l; ls | wc -l; ls folder-0 2>&1; echo x >> README.md"),
  );
  assert.match(second.stdout, /^\s*0\n\s*500\n\s*ls: cannot access 'folder-0'/m);
  assert.match(second.stdout, /1 file\b/);
  const published = await service.farhand(["pr", /task_\w{16}/.exec(second.stdout)?.[0] ?? ""]);
  assert.equal(published.code, 0, published.stderr);
  const branch = /farhand\/\S+/.exec(published.stdout)?.[0] ?? "";
  assert.equal(await large.git("diff", "--name-status", "main", branch), "M\tREADME.md");
});
