import type { HostCheck } from "@farhand/protocol";
import { useQuery } from "@tanstack/react-query";
import { client } from "../../lib/api.ts";
import { visibleText } from "../../lib/visible-text.ts";
import { plural, timeOfDay } from "../../lib/words.ts";
import { Button } from "../../ui/button.tsx";
import { Broken, Loading } from "../../ui/states.tsx";

const SIGN: Record<HostCheck["state"], string> = { ok: "✓", warning: "!", failed: "×" };
const WORD: Record<HostCheck["state"], string> = { ok: "good", warning: "with less", failed: "failed" };
const LOOK: Record<HostCheck["state"], string> = {
  ok: "bg-good-soft text-good",
  warning: "bg-warn-soft text-warn",
  failed: "bg-bad-soft text-bad",
};

/** For administrators: how the service and its workers are, what takes the disk, and what to do about each. */
export function ThisHost() {
  const report = useQuery({ queryKey: ["host"], queryFn: () => client.host(), staleTime: 0, refetchInterval: 15_000 });
  if (report.isPending) return <Loading label="Looking at the host" />;
  if (report.isLoadingError)
    return <Broken what="How the host is cannot be shown" error={report.error} onRetry={() => void report.refetch()} />;
  const { version, node, startedAt, checks } = report.data;
  const bad = checks.filter(({ state }) => state === "failed").length;
  return (
    <div className="max-w-3xl space-y-3">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
        <p role="status" className={`font-[550] ${bad > 0 ? "text-bad" : ""}`}>
          {bad > 0 ? `${plural(bad, "check")} failed` : "Tasks can run"}
        </p>
        <p className="text-[12.5px] text-ink-3">
          Farhand {version}, Node {node}, started {timeOfDay(startedAt)}
        </p>
        <Button small className="ml-auto" disabled={report.isFetching} onClick={() => void report.refetch()}>
          Look again
        </Button>
      </div>
      <ul className="divide-y divide-line rounded-[10px] border border-line bg-panel">
        {checks.map((check) => (
          <li key={check.name} className="grid grid-cols-[minmax(0,1fr)_auto] gap-x-3 gap-y-0.5 px-4 py-2.5">
            <b className="font-[550] wrap-anywhere">{visibleText(check.name)}</b>
            <span className={`self-start rounded-full px-2 py-px text-[12px] font-[550] whitespace-nowrap ${LOOK[check.state]}`}>
              <span aria-hidden="true">{SIGN[check.state]} </span>
              {WORD[check.state]}
            </span>
            <p className="col-span-2 wrap-anywhere whitespace-pre-line text-ink-2">{visibleText(check.detail)}</p>
            {check.state === "ok" ? null : <p className="col-span-2 text-[12.5px] text-ink-2">{visibleText(check.remedy)}</p>}
          </li>
        ))}
      </ul>
      <p className="text-[12.5px] text-ink-3">
        This is what the workers and the database tell. On the machine itself, <code>farhand doctor</code> tries each thing that tasks need.
      </p>
    </div>
  );
}
