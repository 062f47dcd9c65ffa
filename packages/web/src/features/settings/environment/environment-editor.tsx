import type { Environment, Recipe } from "@farhand/protocol";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { client } from "../../../lib/api.ts";
import { useWide } from "../../../lib/use-wide.ts";
import { Button } from "../../../ui/button.tsx";
import { Field, FieldGroup } from "../../../ui/form.tsx";
import { Fault } from "../../../ui/states.tsx";
import { CheckFields } from "./check-fields.tsx";
import { LimitFields } from "./limit-fields.tsx";
import { NetworkFields } from "./network-fields.tsx";
import { changesOf, newRecipe, rebased, recipeOf } from "./recipe.ts";
import { read, type Fault as TextFault, textOf } from "./recipe-text.ts";
import { RepositoryFields } from "./repository-fields.tsx";
import { isEmpty, NO_SECRETS, type SecretDraft, SecretFields } from "./secret-fields.tsx";
import { SetupFields } from "./setup-fields.tsx";
import { VariableFields } from "./variable-fields.tsx";
import { YamlBox } from "./yaml-box.tsx";

/** `recipe` is the last one that could be read; `typed`: the text is ahead of it. */
type Draft = { recipe: Recipe; text: string; faults: TextFault[]; typed: boolean };

/**
 * Makes an environment, or its next version: fields and YAML side by side, each showing what the other says. What is typed stands on the version that was
 * there when it was begun, and stays when somebody saves another.
 */
export function EnvironmentEditor({ environment, onDone }: { environment: Environment | null; onDone: (saved: Environment) => void }) {
  const queries = useQueryClient();
  const wide = useWide();
  const [shown, setShown] = useState<"form" | "yaml">("form");
  const [name, setName] = useState("");
  const [base, setBase] = useState(environment);
  const [secrets, setSecrets] = useState(NO_SECRETS);
  const [draft, setDraft] = useState<Draft>(() => draftOf(environment));
  const { recipe, text, faults } = draft;
  const waits = draft.typed && faults.length > 0;
  const change = (part: Partial<Recipe>) => setDraft((before) => fromFields({ ...before.recipe, ...part }));
  const standOn = (version: Environment, shows = draftOf(version)) => {
    setBase(version);
    setDraft(shows);
  };
  const newer = environment && base && environment.version > base.version ? { before: base, now: environment } : null;
  if (newer && text === textOf(recipeOf(newer.before)) && isEmpty(secrets)) standOn(newer.now);
  const save = useMutation({
    mutationFn: ({ draft: { recipe }, secrets: { token, named } }: { draft: Draft; secrets: SecretDraft }) => {
      if (base) {
        const changes = changesOf(recipeOf(base), recipe);
        return client.changeEnvironment(base.id, {
          ...changes,
          version: base.version,
          ...(Object.keys(named).length > 0 ? { secrets: named } : {}),
          ...(token === undefined ? {} : { token }),
        });
      }
      const given = Object.fromEntries(Object.entries(named).filter((entry): entry is [string, string] => entry[1] !== null));
      return client.createEnvironment({ ...recipe, name: name.trim(), secrets: given, ...(token ? { token } : {}) });
    },
    onSuccess: async (saved, sent) => {
      if (base) {
        setBase(saved); // what was typed while it was saved stays
        setDraft((now) => (now === sent.draft ? draftOf(saved) : now));
        setSecrets((now) => (now === sent.secrets ? NO_SECRETS : now));
      }
      queries.setQueryData(["environment", saved.name], saved);
      void queries.invalidateQueries({ queryKey: ["environment-versions", saved.id] });
      void queries.invalidateQueries({ queryKey: ["start"] });
      await queries.invalidateQueries({ queryKey: ["environments"] });
      onDone(saved);
    },
    onSettled: (_, fault) => {
      if (fault && base) void queries.invalidateQueries({ queryKey: ["environment", base.name] }); // it may be that there is a newer version
    },
  });

  const form = (
    <fieldset disabled={waits} className="min-w-0 space-y-4 disabled:opacity-60">
      {environment ? null : (
        <FieldGroup title="Name">
          <Field
            label="Name of the environment"
            required
            value={name}
            onChange={(event) => setName(event.target.value)}
            hint="Small letters, digits, dots and dashes, such as shop"
          />
        </FieldGroup>
      )}
      <RepositoryFields recipe={recipe} change={change} />
      <SecretFields environment={environment} draft={secrets} onChange={setSecrets} />
      <SetupFields recipe={recipe} change={change} />
      <VariableFields recipe={recipe} change={change} />
      <NetworkFields
        title="Network of setup"
        policy={recipe.setupNetwork}
        onChange={(setupNetwork) => change({ setupNetwork })}
        allowed={environment?.setupAllowedDomains ?? []}
      />
      <NetworkFields
        title="Network of the agent"
        policy={recipe.network}
        onChange={(network) => change({ network })}
        allowed={environment?.allowedDomains ?? []}
      />
      <CheckFields recipe={recipe} change={change} />
      <LimitFields recipe={recipe} change={change} />
    </fieldset>
  );
  const yaml = (
    <YamlBox
      text={text}
      faults={faults}
      onChange={(typed) => {
        const found = read(typed);
        setDraft({ recipe: found.recipe ?? recipe, text: typed, faults: found.faults, typed: true });
      }}
    />
  );
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (faults.length === 0 && !save.isPending) save.mutate({ draft, secrets });
      }}
    >
      {wide ? (
        <div className="grid grid-cols-2 items-start gap-5">
          {form}
          {yaml}
        </div>
      ) : (
        <>
          <div role="group" aria-label="Show" className="mb-3 flex gap-1">
            {(["form", "yaml"] as const).map((one) => (
              <Button key={one} small kind={shown === one ? "plain" : "quiet"} aria-pressed={shown === one} onClick={() => setShown(one)}>
                {one === "form" ? "Form" : "YAML"}
              </Button>
            ))}
          </div>
          <div hidden={shown !== "form"}>{form}</div>
          <div hidden={shown !== "yaml"}>{yaml}</div>
        </>
      )}
      <div className="sticky -bottom-6 -mx-1 mt-4 flex flex-wrap items-center gap-3 border-t border-line bg-bg px-1 py-3">
        {newer && !save.isPending ? (
          <NewerVersion
            {...newer}
            canKeep={faults.length === 0}
            onKeep={() => {
              standOn(newer.now, fromFields(rebased(recipeOf(newer.before), recipe, recipeOf(newer.now))));
              save.reset();
            }}
            onDrop={() => {
              standOn(newer.now);
              setSecrets(NO_SECRETS);
              save.reset();
            }}
          />
        ) : null}
        <Button kind="primary" type="submit" disabled={save.isPending || faults.length > 0}>
          {save.isPending ? "Looking at the repository …" : environment ? "Save as a new version" : "Make the environment"}
        </Button>
        {faults[0] ? (
          <span className="min-w-0 flex-1 truncate text-[13px] text-bad">
            Line {faults[0].line}: {faults[0].text}
          </span>
        ) : null}
        <Fault error={save.error} />
      </div>
    </form>
  );
}

type NewerProps = { before: Environment; now: Environment; canKeep: boolean; onKeep: () => void; onDrop: () => void };

/** Somebody saved another version while something was being typed. */
function NewerVersion({ before, now, canKeep, onKeep, onDrop }: NewerProps) {
  return (
    <div className="flex w-full flex-wrap items-center gap-2 rounded-lg bg-warn-soft px-3 py-2 text-[13px] text-warn">
      <p role="alert" className="min-w-0 flex-1 basis-60">
        Version {now.version} has been saved meanwhile. What you typed is still here; it stands on version {before.version}.
      </p>
      <Button
        small
        disabled={!canKeep}
        title={`What you changed stays; all else becomes as it is in version ${now.version}`}
        onClick={onKeep}
      >
        Take it to version {now.version}
      </Button>
      <Button small onClick={onDrop}>
        Drop what I typed
      </Button>
    </div>
  );
}

function draftOf(environment: Environment | null): Draft {
  return fromFields(environment ? recipeOf(environment) : newRecipe());
}

/** The text of a recipe that came from the fields, with what is wrong in it. That there is no repository yet is said by its field. */
function fromFields(recipe: Recipe): Draft {
  const { faults } = read(textOf({ ...recipe, repository: recipe.repository || "-" }));
  return { recipe, text: textOf(recipe), faults, typed: false };
}
