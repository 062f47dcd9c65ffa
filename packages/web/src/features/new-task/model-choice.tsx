import type { Effort, ModelList } from "@farhand/protocol";
import { useQuery } from "@tanstack/react-query";
import { visibleLine } from "../../lib/visible-text.ts";
import { modelsQuery, pricesInWords } from "../models/models.ts";

/** What was chosen; "" = the default. "auto": as the provider sees fit, where that is not the default. */
export type ChosenModel = { model: string; effort: Effort | "auto" | "" };

type Props = {
  chosen: ChosenModel;
  onChoose: (chosen: ChosenModel) => void;
  look: string;
  /** The default is what the turn before had. */
  before?: { model: string; effort: Effort | null };
};

const SCRIPT_TITLE = "No AI: runs the sh blocks of the prompt";

/** Model and effort. Shows what is the case where there is nothing to choose. */
export function ModelChoice({ chosen, onChoose, look, before }: Props) {
  const list = useQuery(modelsQuery).data;
  if (!list) return null;
  const [only] = list.models;
  if (list.models.length === 1 && only)
    return (
      <span className="px-1 text-[13px] text-ink-2" title={only.name === "script" ? SCRIPT_TITLE : undefined}>
        model {visibleLine(only.name)}
      </span>
    );
  const usual = before?.model ?? list.default;
  const current = list.models.find(({ name }) => name === (chosen.model || usual)) ?? list.models.find(({ name }) => name === usual);
  const effortBefore = before && (chosen.model === "" || chosen.model === before.model) ? before.effort : null;
  return (
    <>
      <select
        aria-label="Model"
        value={list.models.some(({ name }) => name === chosen.model) ? chosen.model : ""}
        title={current?.name === "script" ? SCRIPT_TITLE : `A million tokens: ${pricesInWords(current?.prices ?? null)}`}
        onChange={(event) => onChoose({ model: event.target.value, effort: "" })}
        className={look}
      >
        <option value="">
          {before ? "as before" : "auto"}: {visibleLine(usual)}
        </option>
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
          onChange={(event) => onChoose({ ...chosen, effort: event.target.value as ChosenModel["effort"] })}
          className={look}
        >
          <option value="">effort: {effortBefore ? `as before, ${effortBefore}` : "auto"}</option>
          {effortBefore ? <option value="auto">effort: auto</option> : null}
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
export function modelOf(list: ModelList | undefined, { model, effort }: ChosenModel): { model?: string; effort?: Effort } {
  const known = list?.models.some(({ name }) => name === model);
  return { ...(known && { model }), ...(effort !== "" && effort !== "auto" && { effort }) };
}
