import { FieldGroup, NumberField, TextBox } from "../../../ui/form.tsx";
import type { FieldsProps } from "./fields.ts";

const rowsOf = (text: string) => Math.min(20, Math.max(4, text.split("\n").length + 1));

export function SetupFields({ recipe, change }: FieldsProps) {
  return (
    <FieldGroup title="Setup">
      <TextBox
        label="Setup script"
        code
        rows={rowsOf(recipe.setup)}
        value={recipe.setup}
        onChange={(event) => change({ setup: event.target.value })}
        hint="Runs once on a checkout, with the setup secrets. What it leaves is kept for later tasks"
      />
      <TextBox
        label="Maintenance script"
        code
        rows={rowsOf(recipe.maintenance)}
        value={recipe.maintenance}
        onChange={(event) => change({ maintenance: event.target.value })}
        hint="Runs where what setup left is used at another commit"
      />
      <NumberField
        label="Minutes for either script"
        required
        min={1}
        max={1440}
        value={recipe.setupMinutes}
        onChange={(setupMinutes) => change({ setupMinutes: setupMinutes ?? 0 })}
      />
    </FieldGroup>
  );
}
