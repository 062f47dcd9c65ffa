import { Button } from "../../../ui/button.tsx";
import { FieldGroup, inputLook } from "../../../ui/form.tsx";
import { useTyped } from "../../../ui/use-typed.ts";
import type { FieldsProps } from "./fields.ts";

type Rows = readonly (readonly [name: string, value: string])[];

export function VariableFields({ recipe, change }: FieldsProps) {
  const [rows, setRows] = useTyped<Record<string, string>, Rows>(recipe.variables, {
    show: Object.entries,
    read: (typed) => Object.fromEntries(typed.filter(([name]) => name !== "")),
    onChange: (variables) => change({ variables }),
  });
  const replace = (at: number, row: Rows[number]) => setRows(rows.map((one, index) => (index === at ? row : one)));
  return (
    <FieldGroup title="Variables">
      <p className="text-[12.5px] text-ink-3">
        Of setup and of the agent's commands. They are no secret: everybody who may look at the environment sees them.
      </p>
      {rows.map(([name, value], at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a row has no other name while its name is typed
        <div key={at} className="flex items-start gap-2">
          <input
            aria-label={`Name of variable ${at + 1}`}
            className={`${inputLook} w-2/5 font-mono text-[12.5px]`}
            value={name}
            placeholder="NAME"
            spellCheck={false}
            onChange={(event) => replace(at, [event.target.value.trim(), value])}
          />
          <textarea
            aria-label={`Value of variable ${at + 1}`}
            className={`${inputLook} resize-y font-mono text-[12.5px]`}
            rows={value.split("\n").length}
            value={value}
            spellCheck={false}
            onChange={(event) => replace(at, [name, event.target.value])}
          />
          <Button small kind="quiet" aria-label={`Remove variable ${name || at + 1}`} onClick={() => setRows(rows.toSpliced(at, 1))}>
            ×
          </Button>
        </div>
      ))}
      <Button small onClick={() => setRows([...rows, ["", ""]])}>
        Add a variable
      </Button>
    </FieldGroup>
  );
}
