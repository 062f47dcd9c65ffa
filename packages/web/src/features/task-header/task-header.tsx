import type { AttemptView, TaskSummary } from "@farhand/protocol";
import { Link } from "@tanstack/react-router";
import { useNow } from "../../lib/use-now.ts";
import { visibleLine } from "../../lib/visible-text.ts";
import { duration, money } from "../../lib/words.ts";
import { StatusChip } from "../../ui/marks.tsx";
import type { StepView } from "../task-log/steps.ts";
import { NextSteps } from "./next-steps.tsx";
import { Outcome } from "./outcome.tsx";
import { Phases } from "./phases.tsx";

type Props = {
  task: TaskSummary;
  /** The one of the last turn that is looked at, and its steps. */
  attempt: AttemptView | undefined;
  steps: readonly StepView[];
  /** The branch or tag that the work began at; null = not known yet. */
  ref: string | null;
  modelIsUsual: boolean;
  onAnswer: () => void;
  onOpenStep: (seq: number) => void;
};

/** Where the task comes from, how it stands, and what can be done next. */
export function TaskHeader({ task, attempt, steps, ref, modelIsUsual, onAnswer, onOpenStep }: Props) {
  const cost = attempt?.usage.costUsd ?? null;
  const limit = task.limits.costUsd;
  return (
    <header className="shrink-0 border-b border-line bg-panel px-3.5 pt-3.5 md:px-[22px]">
      <nav aria-label="Where" className="flex flex-wrap items-center gap-x-2 gap-y-1 text-[12.5px] text-ink-3">
        <Link to="/" className="text-accent underline underline-offset-2 md:hidden">
          Tasks
        </Link>
        <span aria-hidden="true" className="md:hidden">
          ›
        </span>
        <code className="rounded border border-line bg-sunk px-1 text-[12px]">{task.environment.name}</code>
        <span aria-hidden="true">›</span>
        <code className="rounded border border-line bg-sunk px-1 text-[12px] break-all">
          {placeInWords(ref ?? task.ref ?? "default branch", task.baseCommit)}
        </code>
        <span>
          <span aria-hidden="true" className="mr-2">
            ›
          </span>
          asked by {visibleLine(task.createdBy.name)}
        </span>
      </nav>
      <div className="mb-3 flex flex-wrap items-center justify-between gap-2">
        <div className="min-w-0 flex-1 basis-80">
          <h1 className="mt-0.5 mb-2.5 text-[18px] leading-[1.3] font-[620] tracking-[-0.012em] break-words">
            <bdi>{visibleLine(task.title)}</bdi>
          </h1>
          <div className="flex flex-wrap items-center gap-x-3.5 gap-y-2 text-[13px] text-ink-2">
            <span role="status" aria-live="polite" className="min-w-0">
              <StatusChip status={task.status}>{visibleLine(statusInShort(task))}</StatusChip>
            </span>
            <span>
              {visibleLine(task.model)}
              {task.effort ? ` · ${task.effort}` : ""}
              {modelIsUsual ? (
                <span className="text-ink-3" title="Nobody chose a model: this is the usual one">
                  {" "}
                  (auto)
                </span>
              ) : null}
            </span>
            {(cost !== null && cost > 0) || limit !== undefined ? (
              <span>
                {money(cost)}
                {limit === undefined ? "" : ` of ${money(limit)}`}
              </span>
            ) : null}
            <Elapsed task={task} attempt={attempt} />
          </div>
        </div>
        <NextSteps task={task} attempt={attempt?.number ?? 1} onAnswer={onAnswer} />
      </div>
      {task.publication ? <Outcome publication={task.publication} /> : null}
      <Phases task={task.id} attempt={attempt} steps={steps} onOpenStep={onOpenStep} />
    </header>
  );
}

/** The question stands above the box that answers it, and what became of the publication in the line below: neither is said twice. */
function statusInShort({ status, statusText, attempts }: TaskSummary): string {
  if (status === "published") return "published";
  if (status !== "needs-you") return statusText;
  return attempts.some(({ state }) => state === "awaiting-input") ? "asks you" : "publishing failed";
}

/** All phases of the latest run together; while it works, until now. */
function Elapsed({ task, attempt }: { task: TaskSummary; attempt: AttemptView | undefined }) {
  const runs = task.status === "running";
  const now = useNow(1_000, runs);
  const phases = attempt?.phases.filter((phase) => phase.run === attempt.run) ?? [];
  const first = phases[0];
  if (!first) return null;
  const done = phases.reduce((sum, phase) => sum + (phase.durationMs ?? 0), 0);
  return <span>{duration(runs ? Math.max(0, now - Date.parse(first.startedAt)) : done)}</span>;
}

/** Where the work began: a name and its commit, or the commit alone where that is what was asked for. */
function placeInWords(ref: string, commit: string | null): string {
  if (commit === null) return visibleLine(ref);
  const short = commit.slice(0, 7);
  return ref === commit ? short : `${visibleLine(ref)} @ ${short}`;
}
