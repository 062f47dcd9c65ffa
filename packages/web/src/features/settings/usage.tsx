import { UsageBy, type UsageRow } from "@farhand/protocol";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { client } from "../../lib/api.ts";
import { visibleLine } from "../../lib/visible-text.ts";
import { money, plural } from "../../lib/words.ts";
import { cards } from "../../ui/card-rows.ts";
import { Choice, Field } from "../../ui/form.tsx";
import { Broken, Empty, Loading } from "../../ui/states.tsx";

const NAMES: Record<UsageBy, string> = {
  day: "Day",
  user: "Person",
  model: "Model",
  task: "Task",
  turn: "Turn",
  attempt: "Attempt",
  request: "Request",
};
const COUNTS = ["requests", "inputTokens", "cachedTokens", "outputTokens", "reasoningTokens"] as const;
const HEADS = ["Requests", "Input", "Cached", "Output", "Reasoning", "Cost"];

/** What models used and cost: one's own, for administrators everybody's. */
export function UsagePage() {
  const [by, setBy] = useState<UsageBy>("day");
  const [from, setFrom] = useState("");
  const filter = { by, ...(from ? { from } : {}) };
  const report = useQuery({ queryKey: ["usage", filter], queryFn: () => client.usage(filter) });
  const title = `border-b border-line px-2 py-1 text-left text-[13px] ${cards.title}`;
  return (
    <div className="max-w-4xl space-y-4">
      <p className="text-ink-2">
        What requests to models used. A dash is what the provider did not say. Members see their own, administrators everybody's.
      </p>
      <div className="flex flex-wrap items-end gap-3">
        <Choice
          label="By"
          value={by}
          options={UsageBy.options.map((one) => [one, NAMES[one]])}
          onChange={(one) => setBy(UsageBy.parse(one))}
        />
        <Field label="From" type="date" value={from} onChange={(event) => setFrom(event.target.value)} />
        <a
          className="py-1.5 text-accent underline underline-offset-2"
          href={`/api/v1/usage?format=csv&by=${by}${from ? `&from=${from}` : ""}`}
          download
        >
          Download as CSV
        </a>
      </div>
      {report.isPending ? <Loading label="Adding up" /> : null}
      {report.isLoadingError ? (
        <Broken what="Usage could not be loaded" error={report.error} onRetry={() => void report.refetch()} />
      ) : null}
      {report.data?.rows.length === 0 ? <Empty title="No requests">No model was asked anything in this time.</Empty> : null}
      {report.data && report.data.rows.length > 0 ? (
        <div tabIndex={0} role="region" aria-label="Usage" className="overflow-x-auto">
          <table className={cards.table}>
            <caption className="sr-only">
              Usage from {report.data.from} to {report.data.to}
            </caption>
            <thead className={`text-[12px] text-ink-3 ${cards.head}`}>
              <tr>
                <th scope="col" className="border-b border-line px-2 py-1 text-left font-normal">
                  {NAMES[report.data.by]}
                </th>
                {HEADS.map((head) => (
                  <th key={head} scope="col" className="border-b border-line px-2 py-1 text-right font-normal">
                    {head}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody className={cards.body}>
              {report.data.rows.map((row) => (
                <tr key={keyOf(row)} className={cards.row}>
                  <th scope="row" className={`${title} max-w-72 truncate font-normal`}>
                    <Name row={row} />
                  </th>
                  <Counts row={row} />
                </tr>
              ))}
            </tbody>
            <tfoot className="max-md:mt-2 max-md:block">
              <tr className={cards.row}>
                <th scope="row" className={`${title} font-[550]`}>
                  Together
                </th>
                <Counts row={report.data.total} />
              </tr>
            </tfoot>
          </table>
        </div>
      ) : null}
      {report.data && report.data.total.unpriced > 0 ? (
        <p className="text-[12.5px] text-ink-2">
          The price of {plural(report.data.total.unpriced, "request")} is not known; cost is that of the others.
        </p>
      ) : null}
    </div>
  );
}

function Counts({ row }: { row: UsageRow }) {
  const look = `border-b border-line px-2 py-1 text-right font-mono text-[12px] whitespace-nowrap max-md:py-0 ${cards.cell}`;
  return (
    <>
      {COUNTS.map((kind, at) => (
        <td key={kind} data-label={HEADS[at]} className={look}>
          {row[kind]?.toLocaleString("en") ?? "–"}
        </td>
      ))}
      <td data-label="Cost" className={look}>
        {money(row.costUsd)}
      </td>
    </>
  );
}

function keyOf({ day, user, model, task, turn, attempt, run, step }: UsageRow): string {
  return [day, user?.id, model, task?.id, turn, attempt, run, step].join(" ");
}

function Name({ row: { day, user, model, task, turn, attempt, run, step } }: { row: UsageRow }) {
  const place = [turn && `turn ${turn}`, attempt && `attempt ${attempt}`, run && `run ${run}`, step && `step ${step}`];
  const words = [...place, model].filter(Boolean).join(", ");
  if (task) {
    return (
      <>
        <Link to="/tasks/$task" params={{ task: task.id }} className="text-accent underline underline-offset-2">
          {visibleLine(task.title)}
        </Link>
        {words ? ` ${words}` : ""}
      </>
    );
  }
  return <>{visibleLine(day ?? user?.name ?? model ?? "")}</>;
}
