import type { AttemptView, PhaseView } from "@farhand/protocol";
import { useId, useRef, useState } from "react";
import { useNow } from "../../lib/use-now.ts";
import { duration, plural } from "../../lib/words.ts";
import type { StepView } from "../task-log/steps.ts";
import { PhaseLog } from "./phase-log.tsx";

type Props = {
  task: string;
  attempt: AttemptView | undefined;
  /** Of this attempt. */
  steps: readonly StepView[];
  /** Shows in the transcript what came of a step, which began with that event. */
  onOpenStep: (seq: number) => void;
};

/**
 * The phases of the latest run with their durations, and before them those in which earlier ones were cut off; each opens to its log. The one that kept
 * the agent from beginning is open by itself.
 */
export function Phases({ task, attempt, steps, onOpenStep }: Props) {
  const phases = attempt?.phases.filter(({ run, state }) => run === attempt.run || state === "cut-off") ?? [];
  const [chosen, choose] = useState<{ seq: number; open: boolean } | null>(null);
  const log = useId();
  const buttons = useRef<HTMLDivElement>(null);
  const now = useNow(1_000, phases.at(-1)?.state === "running");
  if (!attempt || phases.length === 0) return null;
  const culprit = phases.find(({ phase, state }) => state === "failed" && phase !== "agent" && phase !== "collect");
  const shown =
    phases.find(({ seq }) => chosen?.open && seq === chosen.seq) ?? (culprit && culprit.seq !== chosen?.seq ? culprit : undefined);
  const close = () => {
    choose({ seq: (culprit ?? shown)?.seq ?? 0, open: false });
    buttons.current?.querySelector<HTMLElement>("[aria-expanded=true]")?.focus();
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the key is that of the buttons and the log in it
    <div
      onKeyDown={(event) => {
        if (event.key !== "Escape" || !shown) return;
        event.stopPropagation(); // else it leaves the task
        close();
      }}
    >
      <div ref={buttons} className="mb-3 flex flex-wrap gap-1" role="group" aria-label="Phases">
        {phases.map((phase) => {
          const isShown = phase === shown;
          const look =
            phase.phase === "agent" && phase.state === "done" ? "border-transparent bg-accent-soft text-accent" : LOOK[phase.state];
          return (
            <button
              key={phase.seq}
              type="button"
              aria-expanded={isShown}
              aria-controls={isShown ? log : undefined}
              onClick={isShown ? close : () => choose({ seq: phase.seq, open: true })}
              className={`rounded-[5px] border px-2 text-left text-[11.5px] leading-[20px] whitespace-nowrap -outline-offset-2 aria-expanded:border-current ${phase.phase === "agent" ? "grow-[8]" : "grow"} ${look}`}
            >
              {phase.phase}
              <span className="ml-1.5 font-mono">
                {howItStands(phase, now)}
                {phase.run !== attempt.run
                  ? ` · run ${phase.run}`
                  : phase.phase === "agent" && attempt.steps > 0
                    ? ` · ${plural(attempt.steps, "step")}`
                    : ""}
              </span>
              {phase.state === "running" ? <span className="sr-only">, running</span> : null}
            </button>
          );
        })}
      </div>
      {shown ? (
        <PhaseLog
          key={shown.seq}
          id={log}
          task={task}
          phase={shown}
          attempt={attempt}
          steps={steps}
          took={timeOf(shown, now)}
          onOpenStep={onOpenStep}
          onClose={close}
        />
      ) : null}
    </div>
  );
}

const LOOK: Record<PhaseView["state"], string> = {
  running: "border-run bg-run-soft text-run",
  done: "border-transparent bg-sunk text-ink-2 hover:border-line-strong",
  failed: "border-bad bg-bad-soft text-bad",
  "cut-off": "border-warn bg-warn-soft text-warn",
};

function timeOf(phase: PhaseView, now: number): string {
  if (phase.durationMs !== null) return duration(phase.durationMs);
  return phase.state === "running" ? duration(Math.max(0, now - Date.parse(phase.startedAt))) : "cut off";
}

/** Its time, with a sign or word where it is not simply done. */
function howItStands(phase: PhaseView, now: number): string {
  const time = timeOf(phase, now);
  switch (phase.state) {
    case "running":
      return `● ${time}`;
    case "failed":
      return `× failed ${time}`;
    case "cut-off":
    case "done":
      return time;
    default:
      return phase.state satisfies never;
  }
}
