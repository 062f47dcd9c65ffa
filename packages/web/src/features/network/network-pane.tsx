import { type NetworkRow, requestInWords, type TaskSummary } from "@farhand/protocol";
import { useState } from "react";
import { visibleLine } from "../../lib/visible-text.ts";
import { bytesInWords, plural, timeOfDay } from "../../lib/words.ts";
import { Tick } from "../../ui/form.tsx";
import { Empty } from "../../ui/states.tsx";
import { AllowHost } from "./allow-host.tsx";

const HEADS = ["Time", "Request", "Decision", "Times", "Bytes"];

/** Every request to the network, what was decided, and why; on a phone each is a card. */
export function NetworkPane({ rows, environment }: { rows: readonly NetworkRow[]; environment: TaskSummary["environment"] }) {
  const [refusedOnly, setRefusedOnly] = useState(false);
  if (rows.length === 0)
    return <Empty title="No requests">What setup or the agent asks of the network stands here, with what was decided about it.</Empty>;
  const refused = rows.filter(({ decision }) => decision === "refused");
  const sum = (of: readonly NetworkRow[]) => of.reduce((total, { count }) => total + count, 0);
  const shown = refusedOnly ? refused : rows;
  return (
    <>
      <div className="flex flex-wrap items-center gap-x-4 gap-y-1 border-b border-line px-3.5 py-2 text-[13px] text-ink-2">
        <span role="status">
          {plural(sum(rows), "request")}, {sum(refused)} refused
        </span>
        {refused.length > 0 && (refused.length < rows.length || refusedOnly) ? (
          <Tick label="Only refused ones" checked={refusedOnly} onChange={setRefusedOnly} />
        ) : null}
      </div>
      <div tabIndex={0} role="region" aria-label="Network" className="min-h-0 flex-1 overflow-auto px-3.5 py-3 -outline-offset-2">
        <table className="w-full text-[13px] max-md:block">
          <thead className="text-left text-[12px] text-ink-3 max-md:hidden">
            <tr>
              {HEADS.map((head) => (
                <th key={head} scope="col" className="border-b border-line px-2 py-1 font-normal">
                  {head}
                </th>
              ))}
            </tr>
          </thead>
          <tbody className="max-md:block max-md:space-y-2">
            {shown.map((row) => (
              <Request key={row.seq} row={row} environment={environment} />
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

const cell = "px-2 py-1 align-top max-md:block max-md:px-0 max-md:py-0.5";
const number = `${cell} font-mono text-[12px] whitespace-nowrap md:text-right max-md:inline-block max-md:pr-3`;

function Request({ row, environment }: { row: NetworkRow; environment: TaskSummary["environment"] }) {
  const isRefused = row.decision === "refused";
  return (
    <tr
      className={`border-b border-line max-md:block max-md:rounded-[10px] max-md:border max-md:px-3 max-md:py-2 ${isRefused ? "bg-warn-soft" : "max-md:bg-panel"}`}
    >
      <td className={`${cell} font-mono text-[12px] whitespace-nowrap text-ink-2`}>{timeOfDay(row.at)}</td>
      <td className={`${cell} font-mono text-[12px] wrap-anywhere`}>
        {visibleLine(requestInWords(row))}
        {row.phase === "setup" ? <span className="ml-2 text-ink-2">in setup</span> : null}
        {row.run > 1 ? <span className="ml-2 text-ink-2">run {row.run}</span> : null}
      </td>
      <td className={`${cell} wrap-anywhere`}>
        <span className={isRefused ? "font-[550] text-warn" : "text-good"}>{isRefused ? "× refused" : "✓ allowed"}</span>{" "}
        <span className="text-ink-2">{visibleLine(row.reason && !isRefused ? `but ${row.reason}` : row.reason)}</span>
        <span className="block text-[12px] text-ink-2">rule: {visibleLine(row.rule)}</span>
        {isRefused ? <AllowHost environment={environment} request={row} /> : null}
      </td>
      <td className={number}>{row.count}×</td>
      <td className={number}>{row.bytes > 0 ? bytesInWords(row.bytes) : "–"}</td>
    </tr>
  );
}
