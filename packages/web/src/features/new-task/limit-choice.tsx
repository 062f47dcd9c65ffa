import type { TurnLimits } from "@farhand/protocol";
import { NumberField } from "../../ui/form.tsx";

const LIMITS = [
  { key: "steps", label: "Steps", hint: "requests to the model", min: 1, step: 1 },
  { key: "costUsd", label: "US dollars", hint: "where its price is known", min: 0.01, step: "any" },
  { key: "minutes", label: "Minutes", hint: "of the agent's work", min: 1, step: 1 },
] as const;

type Props = { limits: TurnLimits; usual: TurnLimits; onChange: (limits: TurnLimits) => void };

/** What each attempt may use before it stops and keeps its work; what is left empty is as usual. */
export function LimitChoice({ limits, usual, onChange }: Props) {
  return (
    <fieldset className="w-full">
      <legend className="sr-only">Limits of each attempt</legend>
      <div className="grid grid-cols-3 gap-2 text-[13px]">
        {LIMITS.map(({ key, ...field }) => (
          <NumberField
            key={key}
            {...field}
            inputMode="decimal"
            placeholder={usual[key] === undefined ? "as usual" : String(usual[key])}
            value={limits[key] ?? null}
            onChange={(value) => {
              const { [key]: _, ...others } = limits;
              onChange(value === null ? others : { ...others, [key]: value });
            }}
          />
        ))}
      </div>
    </fieldset>
  );
}
