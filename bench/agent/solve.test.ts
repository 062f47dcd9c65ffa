import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type Service, startService } from "../../e2e/service.ts";
import { readCases } from "./cases.ts";
import { missingPrograms } from "./programs.ts";
import { solve } from "./solve.ts";

let service: Service;
let folder: string;
before(async () => {
  service = await startService();
  folder = await mkdtemp(join(tmpdir(), "farhand-cases-"));
});
after(async () => {
  await service[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

test("a case is solved by what passes its check, and by nothing else", { timeout: 400_000 }, async () => {
  const [one] = (await readCases(join(import.meta.dirname, "cases"))).filter(({ name }) => name === "js-retry-after");
  assert.ok(one);
  const signal = AbortSignal.timeout(300_000);
  const attempt = (name: string, commands: string) =>
    solve(service.client, { ...one, name, prompt: `\`\`\`sh\n${commands}\n\`\`\`` }, "script", folder, signal);

  const right = await attempt("right", `git apply <<'END'\n${one.solution}END`);
  assert.deepEqual([right.solved, right.detail, right.steps], [true, "", 2]);

  const wrong = await attempt("wrong", "echo >> README.md");
  assert.match(wrong.detail, /^the check failed \(task_/);
  assert.equal(wrong.solved, false);

  const failed = await attempt("failed", "exit 1");
  assert.deepEqual([failed.solved, failed.detail], [false, "gave-up"]);
});

test("a program that no sandbox has is found missing", { timeout: 200_000 }, async () => {
  const missing = await missingPrograms(service.client, folder, ["sh", "no-such-program", "git"], AbortSignal.timeout(150_000));
  assert.deepEqual([...missing], ["no-such-program"]);
});
