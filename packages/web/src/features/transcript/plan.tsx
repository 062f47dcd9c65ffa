import { type PlanStep, subjectInWords, type ToolSubject } from "@farhand/protocol";
import { visibleLine } from "../../lib/visible-text.ts";

const LOOK: Record<PlanStep["status"], { sign: string; signLook: string; look: string; word: string }> = {
  completed: { sign: "✓", signLook: "text-good", look: "text-ink-2", word: "done" },
  in_progress: { sign: "●", signLook: "text-run", look: "font-[550]", word: "now" },
  pending: { sign: "○", signLook: "text-ink-3", look: "text-ink-2", word: "to do" },
};

/** What was begun when the attempt came to its end. */
const LEFT = { sign: "○", signLook: "text-ink-3", look: "text-ink-2", word: "not finished" };

/** The agent's plan as it stands now; `ended`: nobody works on it any more. */
export function Plan({ steps, ended }: { steps: PlanStep[]; ended: boolean }) {
  return (
    <ol aria-label="Plan" className="rounded-[10px] border border-line bg-panel px-3.5 py-2">
      {steps.map(({ step, status }, at) => {
        const isLeft = ended && status === "in_progress";
        const { sign, signLook, look, word } = isLeft ? LEFT : LOOK[status];
        return (
          // biome-ignore lint/suspicious/noArrayIndexKey: a plan comes whole each time
          <li key={at} className={`flex gap-[9px] py-0.5 ${look}`}>
            <span aria-hidden="true" className={signLook}>
              {sign}
            </span>
            <span className="min-w-0 break-words">
              {visibleLine(step)}
              {isLeft ? <span className="text-ink-3"> · {word}</span> : <span className="sr-only">, {word}</span>}
            </span>
          </li>
        );
      })}
    </ol>
  );
}

/** What the plan was before it was changed. */
export function PlanLine({ subject }: { subject: Extract<ToolSubject, { kind: "plan" }> }) {
  return <p className="truncate text-[12.5px] text-ink-3 first-letter:uppercase">{visibleLine(subjectInWords(subject))}</p>;
}
