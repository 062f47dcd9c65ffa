import { FieldGroup, NumberField, TextBox, Tick } from "../../../ui/form.tsx";
import type { FieldsProps } from "./fields.ts";
import { ToolchainFields } from "./toolchain-fields.tsx";

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
      <Tick
        label="Automatic: where there is no script here, go by the repository's .farhand/environment.yaml or devcontainer.json, else by its lock files"
        checked={recipe.automaticSetup}
        onChange={(automaticSetup) => change({ automaticSetup })}
      />
      <TextBox
        label="Maintenance script"
        code
        rows={rowsOf(recipe.maintenance)}
        value={recipe.maintenance}
        onChange={(event) => change({ maintenance: event.target.value })}
        hint="Runs where what setup left is used at another commit"
      />
      <ToolchainFields recipe={recipe} change={change} />
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
