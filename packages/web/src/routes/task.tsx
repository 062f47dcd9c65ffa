import type { TaskSummary } from "@farhand/protocol";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { useCallback, useEffect, useState } from "react";
import { DiffPane, type GoTo } from "../features/diff/diff-pane.tsx";
import { useKeys } from "../features/keyboard/keys.ts";
import { NetworkPane } from "../features/network/network-pane.tsx";
import { StepsPane } from "../features/steps/steps-pane.tsx";
import { deedsFor, useDeed } from "../features/task-header/deeds.ts";
import { TaskHeader } from "../features/task-header/task-header.tsx";
import { taskQuery } from "../features/task-list/tasks.ts";
import { type TaskLog, useTaskLog } from "../features/task-log/task-log.ts";
import { TerminalPane } from "../features/terminal/terminal-pane.tsx";
import { Transcript } from "../features/transcript/transcript.tsx";
import { useWide } from "../lib/use-wide.ts";
import { visibleLine } from "../lib/visible-text.ts";
import { ChangeSize } from "../ui/marks.tsx";
import { Broken, Loading } from "../ui/states.tsx";

const PANES = { transcript: "Transcript", diff: "Diff", terminal: "Terminal", network: "Network", steps: "Steps" } as const;
type Pane = keyof typeof PANES;

/** A task: how it stands, what was said and done, and what came out. */
export function TaskRoute() {
  const { task: id } = useParams({ from: "/shell/tasks/$task" });
  return <TaskPage key={id} id={id} />;
}

function TaskPage({ id }: { id: string }) {
  const log = useTaskLog(id);
  const task = useFreshTask(id, log);
  const attempt = log.view.attempts[0];
  const deed = useDeed(id);
  const wide = useWide();
  const [chosen, setChosen] = useState<Pane | null>(null);
  const [goTo, setGoTo] = useState<GoTo | null>(null);
  const openFile = useCallback((path: string) => {
    setChosen("diff");
    setGoTo((before) => ({ path, times: (before?.times ?? 0) + 1 }));
  }, []);
  const pane = wide && chosen === "transcript" ? "diff" : (chosen ?? (wide ? "diff" : "transcript"));
  useKeys({
    "g d": () => setChosen("diff"),
    "g t": () => setChosen("terminal"),
    "g n": () => setChosen("network"),
    "g s": () => setChosen("steps"),
    p: task.data && deedsFor(task.data).includes("publish") ? () => deed.mutate("publish") : null,
  });
  const title = task.data?.title;
  useEffect(() => {
    document.title = title ? `${visibleLine(title)} · Farhand` : "Farhand";
    return () => {
      document.title = "Farhand";
    };
  }, [title]);

  if (task.isError && !task.data) return <Broken what="This task cannot be shown" error={task.error} onRetry={() => void task.refetch()} />;
  if (!task.data) return <Loading label="Loading the task" lines={8} />;
  const works = task.data.status === "running" || task.data.status === "waiting";
  const shown = (Object.keys(PANES) as Pane[]).filter((one) => !wide || one !== "transcript");
  const transcript = log.refused ? (
    <Broken what="The transcript cannot be shown" error={log.refused.detail} />
  ) : (
    <Transcript task={id} log={log} works={works} onOpenFile={hasPatch(task.data) ? openFile : null} />
  );
  return (
    <>
      <TaskHeader task={task.data} attempt={attempt} />
      <div className="grid min-h-0 flex-1 grid-cols-1 lg:grid-cols-[minmax(0,1fr)_minmax(0,1.05fr)]">
        {wide ? (
          <section aria-label="Transcript" className="flex min-h-0 flex-col">
            {transcript}
          </section>
        ) : null}
        <aside aria-label="Results" className="flex min-h-0 flex-col border-line bg-panel lg:border-l">
          <div
            role="tablist"
            aria-label="What to look at"
            className="flex items-center gap-0.5 overflow-x-auto border-b border-line px-3.5 py-2 text-[13px]"
          >
            {shown.map((one) => (
              <button
                key={one}
                type="button"
                role="tab"
                aria-selected={pane === one}
                onClick={() => setChosen(one)}
                className="shrink-0 rounded-md px-2.5 py-1 whitespace-nowrap text-ink-2 hover:text-ink aria-selected:bg-sunk aria-selected:font-[550] aria-selected:text-ink"
              >
                {PANES[one]}
                {one === "network" && attempt && attempt.network.length > 0 ? ` ${attempt.network.length}` : ""}
              </button>
            ))}
            <span className="ml-auto pl-2">
              {attempt?.stats ? <ChangeSize added={attempt.stats.added} removed={attempt.stats.removed} /> : null}
            </span>
          </div>
          <div role="tabpanel" aria-label={PANES[pane]} className={`flex min-h-0 flex-1 flex-col ${pane === "transcript" ? "bg-bg" : ""}`}>
            {pane === "transcript" ? transcript : null}
            {pane === "diff" ? (
              <DiffPane task={id} attempt={attempt?.number ?? 1} ready={hasPatch(task.data)} works={works} goTo={goTo} />
            ) : null}
            {pane === "terminal" ? <TerminalPane attempt={attempt} version={log.version} /> : null}
            {pane === "network" ? <NetworkPane rows={attempt?.network ?? []} /> : null}
            {pane === "steps" ? <StepsPane steps={log.steps} /> : null}
          </div>
        </aside>
      </div>
    </>
  );
}

/** The summary says so long before a long log has been read to its end. */
function hasPatch(task: TaskSummary): boolean {
  const [attempt] = task.attempts;
  return attempt?.state === "succeeded" || (attempt?.state === "failed" && attempt.stats !== null);
}

/** The task as the service sums it up; asked for again whenever its log says that its state has changed. */
function useFreshTask(id: string, log: TaskLog) {
  const queries = useQueryClient();
  const { view } = log;
  const state = view.attempts[0]?.state;
  const key = `${state?.state} ${state?.state === "running" ? state.phase : ""} ${view.publication?.state} ${view.archived} ${view.attempts[0]?.base?.commit}`;
  const known = view.lastSeq > 0;
  useEffect(() => {
    void key;
    if (known) void queries.invalidateQueries({ queryKey: ["task", id] });
  }, [queries, id, key, known]);
  return useQuery(taskQuery(id));
}
