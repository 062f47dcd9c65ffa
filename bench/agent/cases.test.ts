import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { test } from "node:test";
import { command, installed } from "../command.ts";
import { type Case, type File, readCases } from "./cases.ts";

const cases = await readCases(join(import.meta.dirname, "cases"));

test("there are twelve cases in four languages", () => {
  assert.ok(cases.length >= 12);
  assert.ok(new Set(cases.map(({ about }) => about.language)).size >= 4);
});

for (const one of cases) {
  test(`${one.name}: the check fails as it is, and passes with the solution`, { timeout: 120_000 }, async (t) => {
    const lacking = await missing(one);
    if (lacking.length > 0) return t.skip(`no ${lacking.join(", ")} here`);
    assert.equal(await passes(one, false), false);
    assert.equal(await passes(one, true), true);
  });
}

async function missing(one: Case): Promise<string[]> {
  const answers = await Promise.all(one.about.needs.map((program) => there(program)));
  return one.about.needs.filter((_, index) => !answers[index]);
}

async function there(program: string): Promise<boolean> {
  const signal = AbortSignal.timeout(10_000);
  return program === "go"
    ? command(["go", "version"], signal).then(
        () => true,
        () => false,
      )
    : installed(program, signal);
}

/** Runs the check on the repository, on the solution where wanted. */
async function passes(one: Case, solved: boolean): Promise<boolean> {
  const folder = await mkdtemp(join(tmpdir(), "farhand-case-"));
  try {
    await lay(folder, one.repository);
    if (one.about.mode === "ask") await writeFile(join(folder, "answer.md"), solved ? one.solution : "I do not know.");
    else if (solved) await command(["git", "-C", folder, "apply", "-"], AbortSignal.timeout(10_000), one.solution);
    await lay(folder, one.check);
    const path = [dirname(process.execPath), process.env.PATH].join(delimiter);
    const { NODE_TEST_CONTEXT: _, ...env } = process.env; // else a `node --test` within this one reports to it
    return await new Promise((done) => execFile("sh", ["check.sh"], { cwd: folder, env: { ...env, PATH: path } }, (error) => done(!error)));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function lay(folder: string, files: readonly File[]): Promise<void> {
  for (const { path, bytes } of files) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), bytes);
  }
}
