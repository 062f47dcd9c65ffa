import type { AttemptView, CommandItem, PhaseLine, PhaseView } from "@farhand/protocol";
import { useLayoutEffect, useRef } from "react";
import { visibleLine, visibleText } from "../../lib/visible-text.ts";
import { clock, duration, money, plural, timeOfDay } from "../../lib/words.ts";
import { Button } from "../../ui/button.tsx";
import type { StepView } from "../task-log/steps.ts";
import { Command } from "../transcript/command.tsx";

/** So many entries are shown, the last: all steps stand in their pane. */
const MOST_SHOWN = 300;
const NEAR_END_PX = 40;

type Props = {
  id: string;
  task: string;
  phase: PhaseView;
  attempt: AttemptView;
  steps: readonly StepView[];
  /** How long it takes or took, in words. */
  took: string;
  onOpenStep: (seq: number) => void;
  onClose: () => void;
};

/**
 * One phase: its facts, and what was said and done in it, in order. While it runs, the end is followed unless the reader has scrolled up; where it failed,
 * the end is what says why.
 */
export function PhaseLog({ id, task, phase, attempt, steps, took, onOpenStep, onClose }: Props) {
  const all = entriesOf(phase, attempt, steps);
  const shown = all.slice(-MOST_SHOWN);
  const earlier = all.length - shown.length + phase.earlierLines;
  const scroller = useRef<HTMLDivElement>(null);
  const following = useRef(phase.state !== "done");
  // biome-ignore lint/correctness/useExhaustiveDependencies: with each change there may be more to see
  useLayoutEffect(() => {
    if (following.current && scroller.current) scroller.current.scrollTop = scroller.current.scrollHeight;
  }, [attempt.items, all.length, phase]);
  return (
    <section
      id={id}
      aria-label={`Log of ${phase.phase}`}
      className="relative mb-3 rounded-lg border border-line-strong bg-bg text-[12.5px]"
    >
      <Button small kind="quiet" className="absolute top-1 right-1" aria-label="Close this log" onClick={onClose}>
        ×
      </Button>
      <div
        ref={scroller}
        tabIndex={0}
        role="region"
        aria-label={`What was said in ${phase.phase}`}
        onScroll={({ currentTarget: at }) => {
          following.current = phase.state === "running" && at.scrollHeight - at.scrollTop - at.clientHeight < NEAR_END_PX;
        }}
        className="max-h-[38vh] overflow-y-auto px-3 py-2 -outline-offset-2"
      >
        <Facts phase={phase} attempt={attempt} took={took} />
        {earlier > 0 ? <p className="mt-2 text-ink-3">{plural(earlier, "earlier line")}: not shown here</p> : null}
        {shown.length > 0 ? (
          <ol className="mt-2 space-y-1 border-t border-line pt-2">
            {shown.map((entry) => (
              <li key={entry.key} className="grid grid-cols-[auto_minmax(0,1fr)] gap-x-3">
                <time dateTime={entry.at} className="py-px font-mono text-[12px] text-ink-3">
                  {clock(entry.at)}
                </time>
                {entry.kind === "line" ? (
                  <p className={`break-words whitespace-pre-wrap ${TONES[entry.line.tone]}`}>{visibleText(entry.line.text)}</p>
                ) : entry.kind === "script" ? (
                  <Command item={entry.item} task={task} />
                ) : (
                  <StepRow step={entry.step} onOpen={() => onOpenStep(entry.step.seq)} />
                )}
              </li>
            ))}
          </ol>
        ) : null}
      </div>
    </section>
  );
}

const TONES: Record<PhaseLine["tone"], string> = { info: "text-ink-2", warning: "text-warn", error: "text-bad" };

function Facts({ phase, attempt, took }: Pick<Props, "phase" | "attempt" | "took">) {
  const facts = [
    ["Began", timeOfDay(phase.startedAt)],
    phase.state === "cut-off" ? ["Ended", "cut off"] : ["Took", `${took} of at most ${duration(phase.limitMs)}`],
    ["Run", attempt.worker && phase.run === attempt.run ? `${phase.run} on ${visibleLine(attempt.worker)}` : `${phase.run}`],
    ...(phase.note ? [["Result", visibleText(phase.note)]] : []),
    ...(phase.phase === "agent" && phase.run === attempt.run && attempt.stopped
      ? [["Stopped", visibleText(attempt.stopped.detail || attempt.stopped.reason)]]
      : []),
  ];
  return (
    <dl className="grid grid-cols-[auto_minmax(0,1fr)] gap-x-4 gap-y-0.5 pr-8">
      {facts.map(([name, value]) => (
        <div key={name} className="contents">
          <dt className="text-ink-3">{name}</dt>
          <dd className="break-words whitespace-pre-wrap">{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function StepRow({ step, onOpen }: { step: StepView; onOpen: () => void }) {
  const { usage, durationMs } = step;
  const tokens = [
    [usage?.inputTokens, "in"],
    [usage?.outputTokens, "out"],
  ].flatMap(([count, way]) => (count ? [`${count.toLocaleString("en")} ${way}`] : []));
  const facts = [
    ...tokens,
    ...(usage?.costUsd ? [money(usage.costUsd)] : []),
    durationMs === null ? "waits for the model" : duration(durationMs),
  ];
  return (
    <p className="break-words text-ink-2">
      <button type="button" onClick={onOpen} className="text-accent underline underline-offset-2" title="Show it in the transcript">
        Step {step.step}
      </button>{" "}
      <span className="font-mono text-[12px]">{facts.join(" · ")}</span>
    </p>
  );
}

type Entry = { key: string; seq: number; at: string } & (
  | { kind: "line"; line: PhaseLine }
  | { kind: "script"; item: CommandItem }
  | { kind: "step"; step: StepView }
);

/** Notices have the number of their event, and an event may give several: `key` tells them apart. */
function entriesOf(phase: PhaseView, { items }: AttemptView, steps: readonly StepView[]): Entry[] {
  const within = (seq: number, run: number | null) => run === phase.run && seq > phase.seq && seq <= (phase.endSeq ?? Infinity);
  const scripts = phase.phase === "setup" ? items.filter((item) => item.kind === "command" && within(item.seq, item.run)) : [];
  return [
    ...phase.lines.map((line, at): Entry => ({ kind: "line", key: `line ${phase.earlierLines + at}`, seq: line.seq, at: line.at, line })),
    ...scripts.flatMap((item): Entry[] =>
      item.kind === "command" ? [{ kind: "script", key: `${item.seq}`, seq: item.seq, at: item.at, item }] : [],
    ),
    ...steps.flatMap((step): Entry[] =>
      within(step.seq, step.run) ? [{ kind: "step", key: `${step.seq}`, seq: step.seq, at: step.at, step }] : [],
    ),
  ].sort((a, b) => a.seq - b.seq);
}
