// npm test                 lint, types, and every *.test.ts
// npm test -- PATTERN...   only the test files whose path contains one of these words
// npm test -- --slow       only the long suites, *.slow.ts
import { spawnSync } from "node:child_process";
import { globSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, relative } from "node:path";
import { run } from "node:test";
import { spec } from "node:test/reporters";
import { fileURLToPath } from "node:url";
import { startTestServer, TEST_DATABASE } from "../packages/server/src/testing/database-server.ts";

const MOST_AT_ONCE = 4;
const MOST_NAMED = 8;
const FILE_LIMIT_MS = 10 * 60_000;

const root = dirname(dirname(fileURLToPath(import.meta.url)));
process.chdir(root);
// Tests bring settings of their own; those of the person who runs them must not change what is tested.
for (const name of Object.keys(process.env)) if (/^(FARHAND_|DATABASE_URL$)/.test(name)) delete process.env[name];

const words = process.argv.slice(2);
const slow = words[0] === "--slow";
const patterns = slow ? words.slice(1) : words;
const count = { passed: 0, failed: 0, skipped: 0 };

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function step(name: string, program: string, args: string[]): void {
  say(`\n${name}`);
  const passed = spawnSync(program, args, { stdio: "inherit" }).status === 0;
  count[passed ? "passed" : "failed"] += 1;
  if (!passed) say(`${name}: failed`);
}

async function runFiles(files: string[], signal: AbortSignal): Promise<void> {
  say(`\nTests: ${files.length} files, with a PostgreSQL of their own`);
  await using server = await startTestServer();
  process.env[TEST_DATABASE] = server.adminUrl;
  const events = run({ files, concurrency: Math.min(availableParallelism(), MOST_AT_ONCE), timeout: FILE_LIMIT_MS, signal });
  const took: { file: string; seconds: number }[] = [];
  events.on("test:summary", ({ file, counts, duration_ms }) => {
    if (file !== undefined) return void took.push({ file: relative(root, file), seconds: Math.round(duration_ms / 1000) });
    // the sum of all files comes last, without a name
    count.passed += counts.passed;
    count.failed += counts.tests - counts.passed - counts.skipped - counts.todo;
    count.skipped += counts.skipped + counts.todo;
  });
  const report = events.compose(spec);
  for await (const text of report) process.stdout.write(text);
  const longest = took.sort((a, b) => b.seconds - a.seconds).slice(0, MOST_NAMED);
  say(`\nLongest: ${longest.map(({ file, seconds }) => `${file} ${seconds} s`).join(", ")}`);
}

const interrupted = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => interrupted.abort());

const files = globSync(`{packages/*/src,bootstrap,scripts,e2e,bench}/**/*.${slow ? "slow" : "test"}.ts`)
  .filter((file) => patterns.length === 0 || patterns.some((pattern) => file.includes(pattern)))
  .sort();
if (!slow && patterns.length === 0) {
  step("Lint and format (biome)", "node_modules/.bin/biome", ["check", "--error-on-warnings", "."]);
  step("Types (tsc)", "node_modules/.bin/tsc", ["-p", "."]);
  step("Types of the page (tsc)", "node_modules/.bin/tsc", ["-p", "packages/web"]);
}
if (files.length > 0) await runFiles(files, interrupted.signal);
else if (!slow) count.failed += 1;
if (files.length === 0) say(`\nNo ${slow ? "slow suites" : "test files"}${patterns.length > 0 ? ` match ${patterns.join(" ")}` : ""}`);
say(`\n${count.passed} passed, ${count.failed} failed${count.skipped > 0 ? `, ${count.skipped} skipped` : ""}`);
process.exit(count.failed > 0 || interrupted.signal.aborted ? 1 : 0);
