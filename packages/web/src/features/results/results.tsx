import type { AttemptView, TaskSummary } from "@farhand/protocol";
import type { ReactNode } from "react";
import { ChangeSize } from "../../ui/marks.tsx";
import { ChecksBar } from "../diff/checks-bar.tsx";
import { DescriptionBar } from "../diff/description-bar.tsx";
import { DiffPane, type GoTo, type LineComment } from "../diff/diff-pane.tsx";
import { NetworkPane } from "../network/network-pane.tsx";
import { StepsPane } from "../steps/steps-pane.tsx";
import { isAtWork } from "../task-log/fresh-task.ts";
import { stepsOf } from "../task-log/steps.ts";
import type { TaskLog } from "../task-log/task-log.ts";
import { TerminalPane } from "../terminal/terminal-pane.tsx";
import { AttemptBar } from "../turns/attempt-bar.tsx";
import { ComparePane } from "../turns/compare-pane.tsx";
import type { LookedAt } from "../turns/looked-at.ts";
import { PANES, type Pane, panesFor } from "./panes.ts";

type Props = {
  task: TaskSummary;
  log: TaskLog;
  looked: LookedAt;
  /** null = what is usually looked at first. */
  chosen: Pane | null;
  onChoose: (pane: Pane) => void;
  goTo: GoTo | null;
  /** Takes a comment on a line along into the next message. */
  onComment: (comment: LineComment) => void;
  /** Where there is no room for it beside the results, it is one of them; else null. */
  transcript: ReactNode;
};

/** What came out of the attempt that is looked at, in panes. */
export function Results({ task, log, looked, chosen, onChoose, goTo, onComment, transcript }: Props) {
  const { turn, attempt, isLast } = looked;
  const panes = panesFor(transcript === null, turn?.attempts.length ?? 1);
  const pane = chosen && panes.includes(chosen) ? chosen : transcript === null ? "diff" : "transcript";
  return (
    <aside aria-label="Results" className="flex min-h-0 min-w-0 flex-col border-line bg-panel lg:border-l">
      {turn && attempt ? (
        <AttemptBar turn={turn} shown={attempt.number} isLast={isLast} onPick={looked.pick} onBack={() => looked.openTurn(null)} />
      ) : null}
      <Tabs panes={panes} pane={pane} attempt={attempt} onChoose={onChoose} />
      <div role="tabpanel" aria-label={PANES[pane]} className={`flex min-h-0 flex-1 flex-col ${pane === "transcript" ? "bg-bg" : ""}`}>
        {pane === "transcript" ? transcript : null}
        {pane === "diff" ? <Change task={task} looked={looked} goTo={goTo} onComment={onComment} /> : null}
        {pane === "terminal" ? <TerminalPane attempt={attempt} version={log.version} /> : null}
        {pane === "network" ? <NetworkPane rows={attempt?.network ?? []} environment={task.environment} /> : null}
        {pane === "steps" ? <StepsPane task={task.id} steps={stepsOf(log.steps, turn, attempt)} usage={attempt?.usage} /> : null}
        {pane === "compare" && turn ? <ComparePane task={task} turn={turn} onShow={looked.pick} /> : null}
      </div>
    </aside>
  );
}

type TabsProps = { panes: readonly Pane[]; pane: Pane; attempt: AttemptView | undefined; onChoose: (pane: Pane) => void };

function Tabs({ panes, pane, attempt, onChoose }: TabsProps) {
  return (
    <div
      role="tablist"
      aria-label="What to look at"
      className="relative flex items-center gap-0.5 overflow-x-auto border-b border-line px-3.5 py-2 text-[13px] max-md:px-2"
    >
      {panes.map((one) => (
        <button
          key={one}
          type="button"
          role="tab"
          aria-selected={pane === one}
          onClick={() => onChoose(one)}
          className="shrink-0 rounded-md px-2.5 py-1 whitespace-nowrap max-md:px-1.5 text-ink-2 hover:text-ink aria-selected:bg-sunk aria-selected:font-[550] aria-selected:text-ink aria-selected:shadow-[0_0_0_1px_var(--line)]"
        >
          {PANES[one]}
          {one === "network" && attempt && attempt.network.length > 0 ? ` ${attempt.network.length}` : ""}
        </button>
      ))}
      <span className="ml-auto pl-2 max-md:hidden">
        {attempt?.stats && attempt.stats.files > 0 ? <ChangeSize added={attempt.stats.added} removed={attempt.stats.removed} /> : null}
      </span>
    </div>
  );
}

/** The change with what is said of it and what its checks say. */
function Change({ task, looked, goTo, onComment }: Pick<Props, "task" | "looked" | "goTo" | "onComment">) {
  const { turn, attempt, isLast, hasChange } = looked;
  return (
    <>
      {hasChange ? <DescriptionBar description={attempt?.description ?? null} /> : null}
      <ChecksBar checks={attempt?.checks ?? []} />
      <DiffPane
        task={task.id}
        turn={turn?.turn ?? task.turn}
        attempt={attempt?.number ?? 1}
        stored={attempt?.patch ?? null}
        ready={hasChange}
        works={isAtWork(task) && isLast}
        unchanged={unchangedInWords(attempt)}
        goTo={goTo}
        onComment={isLast && !task.archived ? onComment : null}
      />
    </>
  );
}

/** Why a change has no files. */
function unchangedInWords(attempt: AttemptView | undefined): string {
  if (attempt?.state.state === "failed") return "The agent failed before it changed a file.";
  return "The agent finished without changing a file.";
}
