import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { connect } from "@farhand/protocol";
import { temporaryFolder } from "../folder.ts";
import { machine } from "../machine.ts";
import { npmStart } from "../server.ts";
import { type Case, readCases } from "./cases.ts";
import { missingPrograms } from "./programs.ts";
import { type Result, solve } from "./solve.ts";

const USAGE = `npm run bench:agent -- --model MODEL [--cases FOLDER] [CASE...]

Gives each case to the model and prints what was solved, with steps, tokens, money and time. The model's key comes from the environment, as for
npm start. A case runs if its name contains one of the words, all without words.`;

const CASE_LIMIT_MS = 30 * 60_000;

async function main(stop: AbortSignal): Promise<number> {
  const { values, positionals: words } = parseArgs({
    allowPositionals: true,
    options: { model: { type: "string" }, cases: { type: "string" }, help: { type: "boolean" } },
  });
  if (values.help || !values.model) {
    console.error(USAGE);
    return values.help ? 0 : 2;
  }
  const all = await readCases(values.cases ?? join(import.meta.dirname, "cases"));
  const chosen = all.filter(({ name }) => words.length === 0 || words.some((word) => name.includes(word)));
  await using folder = await temporaryFolder();
  const home = join(folder.path, "home");
  await using server = await npmStart(home, stop);
  const client = connect({ url: server.url, token: (await readFile(join(home, "token"), "utf8")).trim() });
  const lacking = await missingPrograms(client, folder.path, [...new Set(chosen.flatMap(({ about }) => about.needs))], stop);

  const results: [Case, Result | string][] = [];
  for (const one of chosen) {
    if (stop.aborted) break;
    const absent = one.about.needs.filter((program) => lacking.has(program));
    const result =
      absent.length > 0
        ? `not run: no ${absent.join(", ")} in the sandbox`
        : await solve(client, one, values.model, folder.path, AbortSignal.any([stop, AbortSignal.timeout(CASE_LIMIT_MS)])).catch(
            (error: unknown) => `not run: ${error instanceof Error ? error.message : String(error)}`,
          );
    console.error(`${one.name}: ${typeof result === "string" ? result : result.solved ? "solved" : result.detail}`);
    results.push([one, result]);
  }
  console.log(`${table(results)}\n\n${values.model}, measured on ${machine()}.`);
  return 0;
}

function table(results: readonly [Case, Result | string][]): string {
  const done = results.map(([, result]) => result).filter((result) => typeof result !== "string");
  const sum = (of: (result: Result) => number | null) => done.reduce((all, one) => all + (of(one) ?? 0), 0);
  const rows = results.map(([{ name, about }, result]) =>
    typeof result === "string"
      ? [name, about.language, about.kind, result, "", "", "", "", ""]
      : [
          name,
          about.language,
          about.kind,
          result.solved ? "solved" : result.detail,
          result.steps,
          result.inputTokens ?? "unknown",
          result.outputTokens ?? "unknown",
          result.costUsd === null ? "unknown" : `$${result.costUsd.toFixed(3)}`,
          `${(result.ms / 1000).toFixed(1)} s`,
        ],
  );
  const solved = `${done.filter((one) => one.solved).length} of ${done.length}`;
  const money = done.some(({ costUsd }) => costUsd === null) ? "unknown" : `$${sum(({ costUsd }) => costUsd).toFixed(3)}`;
  const total = [
    "all",
    "",
    "",
    solved,
    sum(({ steps }) => steps),
    sum((one) => one.inputTokens),
    sum((one) => one.outputTokens),
    money,
    `${(sum(({ ms }) => ms) / 1000).toFixed(1)} s`,
  ];
  const head = ["Case", "Language", "Kind", "Result", "Steps", "Input tokens", "Output tokens", "Cost", "Time"];
  return [head, head.map(() => "---"), ...rows, total].map((row) => `| ${row.join(" | ")} |`).join("\n");
}

const stopping = new AbortController();
for (const name of ["SIGINT", "SIGTERM"] as const) process.on(name, () => stopping.abort(new Error(`stopped by ${name}`)));
process.exitCode = await main(stopping.signal);
