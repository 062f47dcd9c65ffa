import type { Environment } from "@farhand/protocol";
import { useState } from "react";
import { Button } from "../../../ui/button.tsx";
import { Field, FieldGroup, inputLook, Tick } from "../../../ui/form.tsx";

/** What changes of the secrets, none of which is ever shown. `token`: undefined = as it is, null = forgotten. */
export type SecretDraft = { token: string | null | undefined; named: Readonly<Record<string, string | null>> };
export const NO_SECRETS: SecretDraft = { token: undefined, named: {} };

export function isEmpty({ token, named }: SecretDraft): boolean {
  return token === undefined && Object.keys(named).length === 0;
}

type Props = { environment: Environment | null; draft: SecretDraft; onChange: (draft: SecretDraft) => void };

/** Write only: the access token of the repository, and the variables of the setup phase that nobody may see. */
export function SecretFields({ environment, draft, onChange }: Props) {
  const { token, named } = draft;
  const set = (name: string, value: string | null | undefined) => {
    const { [name]: _, ...others } = named;
    onChange({ ...draft, named: value === undefined ? others : { ...others, [name]: value } });
  };
  const names = [...new Set([...(environment?.secrets ?? []), ...Object.keys(named)])].sort();
  return (
    <FieldGroup title="Secrets">
      <p className="text-[12.5px] text-ink-3">Stored encrypted, never shown again, and no part of the YAML.</p>
      <Field
        label="Access token of the repository"
        type="password"
        autoComplete="off"
        disabled={token === null}
        value={token ?? ""}
        onChange={(event) => onChange({ ...draft, token: event.target.value === "" ? undefined : event.target.value })}
        hint={environment?.hasToken ? "One is stored; a new one takes its place" : "For an https repository that needs one"}
      />
      {environment?.hasToken ? (
        <Tick
          label="Forget the stored token"
          checked={token === null}
          onChange={(forget) => onChange({ ...draft, token: forget ? null : undefined })}
        />
      ) : null}
      <h4 className="font-[550]">Of the setup script</h4>
      {names.length > 0 ? (
        <ul className="divide-y divide-line rounded-lg border border-line">
          {names.map((name) => {
            const stored = environment?.secrets.includes(name) ?? false;
            const value = named[name];
            return (
              <li key={name} className="flex flex-wrap items-center gap-2 px-3 py-1.5">
                <code className="min-w-0 flex-1 truncate text-[12.5px]">{name}</code>
                <span className="text-[12.5px] text-ink-3">
                  {value === null ? "is forgotten on saving" : value !== undefined ? (stored ? "gets a new value" : "new") : "stored"}
                </span>
                {value !== undefined ? (
                  <Button small kind="quiet" onClick={() => set(name, undefined)} aria-label={`Undo what is said of ${name}`}>
                    Undo
                  </Button>
                ) : (
                  <Button small kind="danger" onClick={() => set(name, null)} aria-label={`Forget ${name}`}>
                    Forget
                  </Button>
                )}
              </li>
            );
          })}
        </ul>
      ) : null}
      <NewSecret onAdd={set} />
    </FieldGroup>
  );
}

/** Takes its text over when it is left or with Enter, too: nobody loses a value by saving without a click on Add. */
function NewSecret({ onAdd }: { onAdd: (name: string, value: string) => void }) {
  const [name, setName] = useState("");
  const [value, setValue] = useState("");
  const add = () => {
    if (name === "" || value === "") return;
    onAdd(name, value);
    setName("");
    setValue("");
  };
  return (
    <fieldset
      className="flex items-start gap-2"
      onKeyDown={(event) => {
        if (event.key !== "Enter") return;
        event.preventDefault();
        add();
      }}
      onBlur={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget)) add();
      }}
    >
      <input
        aria-label="Name of a secret"
        className={`${inputLook} w-2/5 font-mono text-[12.5px]`}
        placeholder="NPM_TOKEN"
        value={name}
        autoComplete="off"
        spellCheck={false}
        onChange={(event) => setName(event.target.value.trim())}
      />
      <input
        aria-label="Value of the secret"
        type="password"
        autoComplete="new-password"
        className={inputLook}
        value={value}
        onChange={(event) => setValue(event.target.value)}
      />
      <Button small disabled={name === "" || value === ""} onClick={add} className="mt-0.5">
        Add
      </Button>
    </fieldset>
  );
}
