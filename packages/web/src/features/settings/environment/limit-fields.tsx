import { DEFAULT_LIMITS } from "@farhand/protocol";
import { FieldGroup, NumberField, Tick } from "../../../ui/form.tsx";
import type { FieldsProps } from "./fields.ts";

const LIMITS = [
  ["memoryMb", "Memory in MB"],
  ["cpus", "Processors"],
  ["processes", "Processes"],
  ["diskMb", "Disk in MB"],
  ["turnMinutes", "Minutes for one turn"],
] as const;

export function LimitFields({ recipe: { limits }, change }: FieldsProps) {
  return (
    <FieldGroup title="Limits of a sandbox">
      <div className="grid grid-cols-2 gap-3">
        {LIMITS.map(([key, label]) => (
          <NumberField
            key={key}
            label={label}
            placeholder={String(DEFAULT_LIMITS[key])}
            value={limits[key] ?? null}
            onChange={(value) => {
              const { [key]: _, ...others } = limits;
              change({ limits: value === null ? others : { ...limits, [key]: value } });
            }}
          />
        ))}
      </div>
      <Tick
        label="Make no sandbox where one of them cannot be held"
        checked={limits.required ?? false}
        onChange={(required) => change({ limits: { ...limits, required } })}
      />
    </FieldGroup>
  );
}
