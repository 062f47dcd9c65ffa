import { UsageBy, type UsageFilter, type UsageReport, type UsageRow } from "@farhand/protocol";
import { Failure, USAGE } from "../failure.ts";
import { answer, client, type Invocation } from "../invocation.ts";
import { safe, safeLine } from "../safe-text.ts";
import { findTask } from "../task-id.ts";

export type UsageOptions = { by: string; from?: string; to?: string; task?: string; csv?: boolean };

/** What models used and cost: a table, or CSV. */
export async function usage(invocation: Invocation, options: UsageOptions): Promise<number> {
  const by = UsageBy.safeParse(options.by);
  if (!by.success) throw new Failure(`--by takes one of ${UsageBy.options.join(", ")}, not ${JSON.stringify(options.by)}`, USAGE);
  for (const [name, text] of [
    ["--from", options.from],
    ["--to", options.to],
  ] as const)
    if (text !== undefined && !/^\d{4}-\d\d-\d\d$/.test(text))
      throw new Failure(`${name} takes a day as 2026-11-01, not ${JSON.stringify(text)}`, USAGE);
  const farhand = await client(invocation);
  const filter: UsageFilter = {
    by: by.data,
    ...(options.from !== undefined && { from: options.from }),
    ...(options.to !== undefined && { to: options.to }),
    ...(options.task !== undefined && { task: (await findTask(farhand, options.task)).id }),
  };
  if (options.csv) {
    const csv = await farhand.usageCsv(filter);
    await invocation.screen.out(invocation.screen.interactive ? safe(new TextDecoder().decode(csv)) : csv); // titles are written by anybody
    return 0;
  }
  const report = await farhand.usage(filter);
  await answer(invocation, report, () => tableOf(report));
  return 0;
}

const HEAD = ["", "requests", "input", "cached", "output", "reasoning", "cost"];

function tableOf({ by, from, to, rows, total }: UsageReport): string {
  if (rows.length === 0) return `No requests to models from ${from} to ${to}.\n`;
  const lines = [HEAD, ...rows.map((row) => lineOf(nameOf(row), row)), lineOf("together", total)];
  const widths = HEAD.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  const table = lines.map((line) =>
    line.map((text, at) => (at === 0 ? text.padEnd(widths[at] ?? 0) : text.padStart(widths[at] ?? 0))).join("  "),
  );
  const unpriced =
    total.unpriced > 0 ? `The price of ${total.unpriced} of ${total.requests} requests is not known: cost is that of the others.\n` : "";
  return `By ${by}, from ${from} to ${to} (UTC)\n${table.map((line) => `${line.trimEnd()}\n`).join("")}${unpriced}`;
}

function lineOf(name: string, row: UsageRow): string[] {
  const counts = [row.requests, row.inputTokens, row.cachedTokens, row.outputTokens, row.reasoningTokens].map(
    (count) => count?.toString() ?? "–",
  );
  return [name, ...counts, row.costUsd === null ? "–" : `$${row.costUsd.toFixed(4)}`];
}

function nameOf(row: UsageRow): string {
  const { day, user, model, task, turn, attempt, run, step } = row;
  const place = [task?.id, turn && `turn ${turn}`, attempt && `attempt ${attempt}`, run && `run ${run}`, step && `step ${step}`];
  const words = [day, user?.name, ...place, model, step === undefined ? task?.title : null].filter(Boolean).join(" ");
  return safeLine(words).slice(0, 80);
}
