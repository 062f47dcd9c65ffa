import { UsageBy, UsageReport, type UsageRow } from "@farhand/protocol";
import { z } from "zod";
import { UserError } from "../domain/user-error.ts";
import { getTask } from "../store/tasks.ts";
import { dayOfTask, usage } from "../store/usage-report.ts";
import { callerOf } from "./auth.ts";
import type { Api, ApiParts } from "./parts.ts";
import { problemAnswers } from "./problems.ts";

const DAY_MS = 86_400_000;
const DEFAULT_DAYS = 30;
const query = z.object({
  by: UsageBy.default("day"),
  from: z.iso.date().optional().describe("First day, UTC; default: 30 days ago, or the day that the task was made"),
  to: z.iso.date().optional().describe("Last day, UTC; default: today"),
  task: z.string().min(1).max(100).optional().describe("Only of this task"),
  format: z.enum(["json", "csv"]).optional().describe("csv: the same as Accept: text/csv"),
});
const day = (at: number) => new Date(at).toISOString().slice(0, 10);

/** What requests to models used. */
export function usageRoutes(app: Api, { db, limits }: ApiParts): void {
  app.get(
    "/usage",
    {
      schema: {
        summary: "Tokens and money: your own, for administrators everybody's; as CSV with Accept: text/csv",
        querystring: query,
        produces: ["application/json", "text/csv"],
        response: { 200: z.union([UsageReport, z.string()]), ...problemAnswers },
      },
    },
    async (request, reply) => {
      const caller = callerOf(request);
      const { by } = request.query;
      const task = request.query.task === undefined ? null : (await getTask(db, caller, request.query.task, limits)).id;
      const from = request.query.from ?? (task === null ? null : await dayOfTask(db, task)) ?? day(Date.now() - DEFAULT_DAYS * DAY_MS);
      const to = request.query.to ?? day(Date.now());
      if (from > to) throw new UserError("invalid", `from: ${from} is after ${to}`);
      const report: UsageReport = { by, from, to, ...(await usage(db, caller, by, { from, to, task })) };
      const format = request.query.format ?? (/\btext\/csv\b/.test(request.headers.accept ?? "") ? "csv" : "json");
      if (format === "json") return report;
      const name = `farhand-usage-by-${by}-${from}-${to}.csv`;
      reply.type("text/csv; charset=utf-8").header("content-disposition", `attachment; filename="${name}"`).serializer(String);
      return csvOf(report.rows);
    },
  );
}

const COLUMNS: readonly (readonly [string, (row: UsageRow) => string | number | null | undefined])[] = [
  ["day", (row) => row.day],
  ["at", (row) => row.at],
  ["user", (row) => row.user?.name],
  ["model", (row) => row.model],
  ["task", (row) => row.task?.id],
  ["title", (row) => row.task?.title],
  ["turn", (row) => row.turn],
  ["attempt", (row) => row.attempt],
  ["run", (row) => row.run],
  ["step", (row) => row.step],
  ["requests", (row) => row.requests],
  ["input_tokens", (row) => row.inputTokens],
  ["cached_tokens", (row) => row.cachedTokens],
  ["output_tokens", (row) => row.outputTokens],
  ["reasoning_tokens", (row) => row.reasoningTokens],
  ["cost_usd", (row) => row.costUsd],
  ["requests_without_price", (row) => row.unpriced],
];

/** RFC 4180. What is not known is empty. */
export function csvOf(rows: readonly UsageRow[]): string {
  const shown = COLUMNS.filter(([name, value]) => name === "requests" || rows.some((row) => value(row) !== undefined));
  const lines = rows.map((row) => shown.map(([, value]) => cell(value(row))));
  return [shown.map(([name]) => name), ...lines].map((line) => `${line.join(",")}\r\n`).join("");
}

/** A spreadsheet takes text that begins so for a formula, and titles are written by anybody. */
function cell(value: string | number | null | undefined): string {
  if (typeof value !== "string") return value == null ? "" : String(value);
  const plain = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
}
