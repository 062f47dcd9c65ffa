import { type InputHTMLAttributes, type ReactNode, type TextareaHTMLAttributes, useId } from "react";
import { useTyped } from "./use-typed.ts";

export const inputLook = "w-full rounded-lg border border-line-strong bg-bg px-3 py-1.5 text-ink";

/** Its name above a control, and the hint below, which the control names as its description. */
function Labelled({ id, label, hint, children }: { id: string; label: string; hint?: ReactNode; children: ReactNode }) {
  return (
    <div>
      <label htmlFor={id} className="mb-1 block font-[550]">
        {label}
      </label>
      {children}
      {hint ? (
        <p id={`${id}-hint`} className="mt-1 text-[12.5px] text-ink-3">
          {hint}
        </p>
      ) : null}
    </div>
  );
}

/** A labelled input; `hint` says what to type, or why. */
export function Field({ label, hint, ...input }: { label: string; hint?: ReactNode } & InputHTMLAttributes<HTMLInputElement>) {
  const id = useId();
  return (
    <Labelled id={id} label={label} hint={hint}>
      <input id={id} className={inputLook} aria-describedby={hint ? `${id}-hint` : undefined} {...input} />
    </Labelled>
  );
}

/** A labelled choice. */
export function Choice({
  label,
  value,
  options,
  onChange,
  hint,
}: {
  label: string;
  value: string;
  options: readonly (readonly [string, string])[];
  onChange: (value: string) => void;
  hint?: string;
}) {
  const id = useId();
  return (
    <Labelled id={id} label={label} hint={hint}>
      <select id={id} value={value} onChange={(event) => onChange(event.target.value)} className={`${inputLook} h-[35px]`}>
        {options.map(([key, text]) => (
          <option key={key} value={key}>
            {text}
          </option>
        ))}
      </select>
    </Labelled>
  );
}

/** A labelled text of several lines; `code` for what is no prose. */
export function TextBox({
  label,
  hint,
  code = false,
  ...input
}: { label: string; hint?: ReactNode; code?: boolean } & TextareaHTMLAttributes<HTMLTextAreaElement>) {
  const id = useId();
  return (
    <Labelled id={id} label={label} hint={hint}>
      <textarea
        id={id}
        spellCheck={!code}
        className={`${inputLook} resize-y ${code ? "font-mono text-[12.5px]" : ""}`}
        aria-describedby={hint ? `${id}-hint` : undefined}
        {...input}
      />
    </Labelled>
  );
}

/** A number, or nothing for what `placeholder` says. */
export function NumberField({
  value,
  onChange,
  ...field
}: { label: string; hint?: ReactNode; value: number | null; onChange: (value: number | null) => void } & Omit<
  InputHTMLAttributes<HTMLInputElement>,
  "value" | "onChange" | "type"
>) {
  const [typed, type] = useTyped(value, {
    show: (number) => (number === null ? "" : String(number)),
    read: (text) => (text === "" ? null : Number(text)),
    onChange,
  });
  return <Field step="any" {...field} type="number" value={typed} onChange={(event) => type(event.target.value)} />;
}

/** A ticked or empty box with its words. */
export function Tick({ label, checked, onChange }: { label: ReactNode; checked: boolean; onChange: (checked: boolean) => void }) {
  return (
    <label className="flex items-baseline gap-2">
      <input
        type="checkbox"
        checked={checked}
        onChange={(event) => onChange(event.target.checked)}
        className="translate-y-0.5 accent-accent"
      />
      <span>{label}</span>
    </label>
  );
}

/** Fields that belong together. */
export function FieldGroup({ title, children }: { title: string; children: ReactNode }) {
  return (
    <fieldset className="rounded-[10px] border border-line bg-panel p-4">
      <legend className="float-left mb-2 w-full text-[15px] font-semibold">{title}</legend>
      <div className="clear-both space-y-3">{children}</div>
    </fieldset>
  );
}
