import { Choice, Field, FieldGroup } from "../../../ui/form.tsx";
import type { FieldsProps } from "./fields.ts";

export function RepositoryFields({ recipe, change }: FieldsProps) {
  return (
    <FieldGroup title="Code">
      <Field
        label="Repository"
        required
        value={recipe.repository}
        onChange={(event) => change({ repository: event.target.value.trim() })}
        hint="https address; administrators may name a folder on the server, such as /srv/git/shop.git"
      />
      <Field
        label="Branch"
        value={recipe.branch ?? ""}
        placeholder="default branch"
        onChange={(event) => change({ branch: event.target.value.trim() || null })}
        hint="Where tasks start that name none"
      />
      <Choice
        label="Publish"
        value={recipe.publish}
        onChange={(value) => change({ publish: value === "always" ? "always" : "click" })}
        options={[
          ["click", "when somebody asks for it"],
          ["always", "every change, when the agent has finished"],
        ]}
      />
      <Choice
        label="Transcript"
        value={recipe.transcript}
        onChange={(value) => change({ transcript: value === "link" ? "link" : "none" })}
        options={[
          ["none", "not named in commits"],
          ["link", "linked in each commit's message"],
        ]}
      />
    </FieldGroup>
  );
}
