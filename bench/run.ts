import { api } from "./api.ts";
import { checkpoint } from "./checkpoint.ts";
import { claims } from "./claims.ts";
import { type Benchmark, type Figure, table } from "./figure.ts";
import { lists } from "./lists.ts";
import { machine } from "./machine.ts";
import { page } from "./page.ts";
import { recovery } from "./recovery.ts";
import { sandbox } from "./sandbox.ts";
import { startUp } from "./start-up.ts";
import { steps } from "./steps.ts";
import { task } from "./task.ts";
import { watchers } from "./watchers.ts";

const BENCHMARKS: readonly Benchmark[] = [startUp, sandbox, task, checkpoint, steps, recovery, claims, lists, api, page, watchers];
const LIMIT_MS = 10 * 60_000;

/** `npm run bench [-- NAME...]`: progress goes to standard error, one Markdown table to standard output. */
async function main(names: readonly string[], stop: AbortSignal): Promise<number> {
  const unknown = names.filter((name) => !BENCHMARKS.some((known) => known.name === name));
  if (unknown.length > 0) {
    console.error(`There is no benchmark ${unknown.join(", ")}. There are: ${BENCHMARKS.map(({ name }) => name).join(", ")}.`);
    return 2;
  }
  const where = machine();
  const figures: Figure[] = [];
  let failed = false;
  for (const { name, run } of BENCHMARKS.filter((one) => names.length === 0 || names.includes(one.name))) {
    if (stop.aborted) break;
    try {
      figures.push(...(await run((line) => console.error(`${name}: ${line}`), AbortSignal.any([stop, AbortSignal.timeout(LIMIT_MS)]))));
    } catch (error) {
      failed = true;
      console.error(`${name} failed:`, error);
      figures.push({ what: name, farhand: "failed", podman: null, bare: null });
    }
  }
  console.log(`${table(figures)}\n\nMeasured on ${where}.`);
  return failed || stop.aborted ? 1 : 0;
}

const stopping = new AbortController();
for (const name of ["SIGINT", "SIGTERM"] as const) process.on(name, () => stopping.abort(new Error(`stopped by ${name}`)));
process.exitCode = await main(process.argv.slice(2), stopping.signal);
