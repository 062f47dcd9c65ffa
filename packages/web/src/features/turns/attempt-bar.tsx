import { type AttemptState, type CheckView, checksInWords, hasPassed, type TurnView } from "@farhand/protocol";
import { visibleLine } from "../../lib/visible-text.ts";
import { Button } from "../../ui/button.tsx";
import { ChangeSize } from "../../ui/marks.tsx";

const WORDS: Record<AttemptState["state"], string> = {
  queued: "waits",
  running: "at work",
  "awaiting-input": "asks",
  succeeded: "done",
  failed: "failed",
  cancelled: "cancelled",
};

type Props = {
  turn: TurnView;
  shown: number;
  isLast: boolean;
  onPick: (attempt: number) => void;
  onBack: () => void;
};

/** Which turn and attempt the panes beneath are of: the attempts of a turn side by side, and the way back from an earlier turn. */
export function AttemptBar({ turn, shown, isLast, onPick, onBack }: Props) {
  if (isLast && turn.attempts.length < 2) return null;
  return (
    <div className="relative flex items-center gap-1.5 overflow-x-auto border-b border-line bg-sunk px-3.5 py-1.5 text-[12.5px]">
      {isLast ? null : <span className="shrink-0 text-ink-2">Turn {turn.turn}</span>}
      {turn.attempts.length > 1 ? (
        <div role="group" aria-label="Attempts" className="flex gap-1">
          {turn.attempts.map((attempt) => (
            <button
              key={attempt.number}
              type="button"
              aria-pressed={attempt.number === shown}
              onClick={() => onPick(attempt.number)}
              className="flex items-center gap-1.5 rounded-md border border-transparent px-2 py-0.5 whitespace-nowrap text-ink-2 -outline-offset-2 hover:text-ink aria-pressed:border-line-strong aria-pressed:bg-panel aria-pressed:text-ink"
            >
              <span className="font-[550]">{attempt.number}</span>
              <span className={attempt.state.state === "failed" ? "text-bad" : ""}>
                {attempt.number === turn.chosen ? "chosen" : WORDS[attempt.state.state]}
              </span>
              <Proof checks={attempt.checks} />
              {attempt.stats ? <ChangeSize added={attempt.stats.added} removed={attempt.stats.removed} /> : null}
            </button>
          ))}
        </div>
      ) : null}
      {isLast ? null : (
        <Button small kind="quiet" className="ml-auto" onClick={onBack}>
          Back to the last turn
        </Button>
      )}
    </div>
  );
}

/** Whether it holds: how many of its checks passed. */
function Proof({ checks }: { checks: readonly CheckView[] }) {
  if (checks.length === 0) return null;
  const passed = checks.filter((check) => hasPassed(check)).length;
  const all = passed === checks.length;
  return (
    <span className={all ? "text-good" : "text-bad"} title={visibleLine(checksInWords(checks) ?? "")}>
      <span aria-hidden="true">{all ? "✓" : "✗"} </span>
      {passed}/{checks.length}
      <span className="sr-only"> checks passed</span>
    </span>
  );
}
