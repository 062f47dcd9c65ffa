import type { Effort, ModelList } from "@farhand/protocol";
import { useQuery } from "@tanstack/react-query";
import { visibleLine } from "../../lib/visible-text.ts";
import { modelsQuery, pricesInWords } from "../models/models.ts";

/** What was chosen; "" = the default. */
export type ChosenModel = { model: string; effort: Effort | "" };

const SCRIPT_TITLE = "No AI: runs the sh blocks of the prompt";

/** Model and effort. Shows what is the case where there is nothing to choose. */
export function ModelChoice({ chosen, onChoose, look }: { chosen: ChosenModel; onChoose: (chosen: ChosenModel) => void; look: string }) {
  const list = useQuery(modelsQuery).data;
  if (!list) return null;
  const [only] = list.models;
  if (list.models.length === 1 && only)
    return (
      <span className="px-1 text-[13px] text-ink-2" title={only.name === "script" ? SCRIPT_TITLE : undefined}>
        model {visibleLine(only.name)}
      </span>
    );
  const current = currentModel(list, chosen);
  return (
    <>
      <select
        aria-label="Model"
        value={list.models.some(({ name }) => name === chosen.model) ? chosen.model : ""}
        title={current?.name === "script" ? SCRIPT_TITLE : `A million tokens: ${pricesInWords(current?.prices ?? null)}`}
        onChange={(event) => onChoose({ model: event.target.value, effort: "" })}
        className={look}
      >
        <option value="">auto: {visibleLine(list.default)}</option>
        {list.models.map(({ name }) => (
          <option key={name} value={name}>
            {visibleLine(name)}
          </option>
        ))}
      </select>
      {current && current.efforts.length > 0 ? (
        <select
          aria-label="Effort"
          value={chosen.effort}
          onChange={(event) => onChoose({ ...chosen, effort: event.target.value as Effort | "" })}
          className={look}
        >
          <option value="">effort: auto</option>
          {current.efforts.map((effort) => (
            <option key={effort} value={effort}>
              effort: {effort}
            </option>
          ))}
        </select>
      ) : null}
    </>
  );
}

/** What a task is given of it. A model that is there no more counts as not chosen. */
export function modelOf(list: ModelList | undefined, chosen: ChosenModel): { model?: string; effort?: Effort } {
  const known = list?.models.some(({ name }) => name === chosen.model);
  return { ...(known ? { model: chosen.model } : {}), ...(chosen.effort === "" ? {} : { effort: chosen.effort }) };
}

function currentModel(list: ModelList, { model }: ChosenModel): ModelList["models"][number] | undefined {
  return list.models.find(({ name }) => name === model) ?? list.models.find(({ name }) => name === list.default);
}
