import type { LimitChanges, Mode, ModelList, NewTurn, TaskSummary, TurnLimits } from "@farhand/protocol";
import { useId, useState } from "react";
import { Button } from "../../ui/button.tsx";
import { LimitChoice } from "../new-task/limit-choice.tsx";
import { type ChosenModel, ModelChoice, modelOf } from "../new-task/model-choice.tsx";

/** How the next turn is to be, where it is not to be as the one before. */
export type TurnChoice = { attempts: number; mode: Mode | null; model: ChosenModel; limits: LimitChanges };

export const AS_BEFORE: TurnChoice = { attempts: 1, mode: null, model: { model: "", effort: "" }, limits: {} };

/** What of it a follow-up names. */
export function namedOf({ attempts, mode, model, limits }: TurnChoice, list: ModelList | undefined): Omit<NewTurn, "prompt"> {
  return { attempts, limits, ...modelOf(list, model), ...(model.effort === "auto" && { effort: null }), ...(mode && { mode }) };
}

const look = "max-w-full min-w-0 rounded-md border border-line bg-panel px-1.5 py-1 text-[12.5px]";

/** Attempts and mode at hand, model and limits behind *More*; `task` is as the turn before has it. */
export function NextTurn({ task, choice, onChoose }: { task: TaskSummary; choice: TurnChoice; onChoose: (choice: TurnChoice) => void }) {
  const [showsMore, setShowsMore] = useState(false);
  const more = useId();
  const { attempts, mode, model, limits } = choice;
  const set = Object.keys(limits).length + (model.model || model.effort ? 1 : 0);
  return (
    <>
      <select
        aria-label="Attempts of the next turn"
        value={attempts}
        onChange={(event) => onChoose({ ...choice, attempts: Number(event.target.value) })}
        className={look}
      >
        {[1, 2, 3, 4].map((count) => (
          <option key={count} value={count}>
            {count === 1 ? "1 attempt" : `${count} attempts`}
          </option>
        ))}
      </select>
      <select
        aria-label="Mode of the next turn"
        title="Code changes files; ask answers, and the change stays as it is"
        value={mode ?? task.mode}
        onChange={(event) => onChoose({ ...choice, mode: event.target.value === "ask" ? "ask" : "code" })}
        className={look}
      >
        <option value="code">code</option>
        <option value="ask">ask</option>
      </select>
      <Button
        small
        kind="quiet"
        aria-expanded={showsMore}
        {...(showsMore && { "aria-controls": more })}
        title="Model and limits of the next turn"
        onClick={() => setShowsMore(!showsMore)}
      >
        More{set > 0 ? `: ${set} set` : ""}
      </Button>
      {showsMore ? (
        <div id={more} className="order-last flex w-full flex-wrap items-center gap-2 pt-1">
          <ModelChoice chosen={model} onChoose={(chosen) => onChoose({ ...choice, model: chosen })} look={look} before={task} />
          <LimitChoice
            limits={changed(task.limits, limits)}
            usual={{}}
            onChange={(next) => onChoose({ ...choice, limits: changesOf(task.limits, next) })}
          />
        </div>
      ) : null}
    </>
  );
}

function changed(before: TurnLimits, changes: LimitChanges): TurnLimits {
  return Object.fromEntries(Object.entries({ ...before, ...changes }).filter(([, limit]) => limit !== null));
}

function changesOf(before: TurnLimits, after: TurnLimits): LimitChanges {
  const keys = Object.keys({ ...before, ...after }) as (keyof TurnLimits)[];
  return Object.fromEntries(keys.filter((key) => before[key] !== after[key]).map((key) => [key, after[key] ?? null]));
}
