import { FieldGroup, TextBox } from "../../../ui/form.tsx";
import { useTyped } from "../../../ui/use-typed.ts";
import type { FieldsProps } from "./fields.ts";

/** Commands, one a line. One of several lines can be written as YAML only. */
export function CheckFields({ recipe, change }: FieldsProps) {
  const [typed, type] = useTyped(recipe.checks, {
    show: (all) => all.join("\n"),
    read: (text) => text.split("\n").filter((line) => line.trim() !== ""),
    onChange: (checks) => change({ checks }),
  });
  return (
    <FieldGroup title="Checks">
      {recipe.checks.some((check) => check.includes("\n")) ? (
        <p className="text-[12.5px] text-ink-3">One of them has several lines: change them in the YAML.</p>
      ) : (
        <TextBox
          label="Commands"
          code
          rows={Math.min(12, Math.max(2, recipe.checks.length + 1))}
          placeholder="npm test"
          value={typed}
          onChange={(event) => type(event.target.value)}
          hint="One a line. They must succeed before a change counts as finished"
        />
      )}
    </FieldGroup>
  );
}
