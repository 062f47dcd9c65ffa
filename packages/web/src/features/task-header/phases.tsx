import type { AttemptView, PhaseView } from "@farhand/protocol";
import { useState } from "react";
import { useNow } from "../../lib/use-now.ts";
import { visibleLine, visibleText } from "../../lib/visible-text.ts";
import { duration, plural, timeOfDay } from "../../lib/words.ts";

/** The phases of the latest run with their durations; a click tells more of one. */
export function Phases({ attempt }: { attempt: AttemptView | undefined }) {
  const phases = attempt?.phases.filter((phase) => phase.run === attempt.run) ?? [];
  const [open, setOpen] = useState<string | null>(null);
  const now = useNow(1_000, phases.at(-1)?.state === "running");
  if (!attempt || phases.length === 0) return null;
  const shown = phases.find((phase) => phase.phase === open);
  return (
    <>
      <div className="mb-3 flex h-[22px] gap-[3px] overflow-x-auto" role="group" aria-label="Phases">
        {phases.map((phase) => (
          <button
            key={phase.phase}
            type="button"
            aria-expanded={open === phase.phase}
            onClick={() => setOpen(open === phase.phase ? null : phase.phase)}
            className={`min-w-fit rounded-[5px] px-2 text-left text-[11.5px] leading-[22px] whitespace-nowrap -outline-offset-2 ${phase.phase === "agent" ? "grow-[8] bg-accent-soft text-accent" : "grow bg-sunk text-ink-2"} ${phase.state === "cut-off" ? "line-through" : ""}`}
          >
            {phase.phase}
            <span className={`ml-1.5 font-mono ${phase.phase === "agent" ? "" : "text-ink-3"}`}>
              {timeOf(phase, now)}
              {phase.phase === "agent" && attempt.steps > 0 ? ` · ${plural(attempt.steps, "step")}` : ""}
            </span>
          </button>
        ))}
      </div>
      {shown ? <PhaseLog phase={shown} attempt={attempt} now={now} /> : null}
    </>
  );
}

function PhaseLog({ phase, attempt, now }: { phase: PhaseView; attempt: AttemptView; now: number }) {
  const facts = [
    ["Began", timeOfDay(phase.startedAt)],
    ["Took", `${timeOf(phase, now)} of at most ${duration(phase.limitMs)}`],
    ["Run", attempt.worker ? `${phase.run} on ${visibleLine(attempt.worker)}` : `${phase.run}`],
    ...(phase.progress ? [["Last word", visibleText(phase.progress)]] : []),
    ...(phase.note ? [["Result", visibleText(phase.note)]] : []),
    ...(phase.phase === "agent" && attempt.stopped ? [["Stopped", visibleText(attempt.stopped.detail || attempt.stopped.reason)]] : []),
  ];
  return (
    <dl className="mb-3 grid grid-cols-[auto_minmax(0,1fr)] gap-x-4 gap-y-0.5 rounded-lg border border-line bg-sunk px-3 py-2 text-[12.5px]">
      {facts.map(([name, value]) => (
        <div key={name} className="contents">
          <dt className="text-ink-3">{name}</dt>
          <dd className="break-words whitespace-pre-wrap">{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function timeOf(phase: PhaseView, now: number): string {
  if (phase.durationMs !== null) return duration(phase.durationMs);
  return phase.state === "running" ? duration(Math.max(0, now - Date.parse(phase.startedAt))) : "cut off";
}
