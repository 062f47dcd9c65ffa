import type { Environment } from "@farhand/protocol";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { client } from "../../lib/api.ts";
import { Button } from "../../ui/button.tsx";
import { Choice, Field } from "../../ui/form.tsx";
import { Fault } from "../../ui/states.tsx";

const LIMITS = [
  ["memoryMb", "Memory in MB"],
  ["cpus", "Processors"],
  ["processes", "Processes"],
  ["diskMb", "Disk in MB"],
  ["turnMinutes", "Minutes for one turn"],
] as const;
type Limit = (typeof LIMITS)[number][0];

/** Makes an environment, or changes one: then only what differs is sent. */
export function EnvironmentForm({ environment, onDone }: { environment: Environment | null; onDone: (saved: Environment) => void }) {
  const queries = useQueryClient();
  const [name, setName] = useState("");
  const [repository, setRepository] = useState(environment?.repository ?? "");
  const [branch, setBranch] = useState(environment?.branch ?? "");
  const [publish, setPublish] = useState<Environment["publish"]>(environment?.publish ?? "click");
  const [token, setToken] = useState("");
  const [forget, setForget] = useState(false);
  const [limits, setLimits] = useState<Partial<Record<Limit, string>>>({});
  const save = useMutation({
    mutationFn: async () => {
      const named = Object.fromEntries(
        Object.entries(limits)
          .filter(([, value]) => value !== "")
          .map(([key, value]) => [key, Number(value)]),
      );
      const spec = { repository: repository.trim(), branch: branch.trim() || null, publish, limits: named };
      const secret = token !== "" ? { token } : forget ? { token: null } : {};
      if (environment) return client.changeEnvironment(environment.id, { ...spec, ...secret });
      return client.createEnvironment({ ...spec, name: name.trim(), ...(token !== "" ? { token } : {}) });
    },
    onSuccess: async (saved) => {
      await queries.invalidateQueries({ queryKey: ["environments"] });
      void queries.invalidateQueries({ queryKey: ["start"] });
      onDone(saved);
    },
  });
  return (
    <form
      className="max-w-xl space-y-4"
      onSubmit={(event) => {
        event.preventDefault();
        save.mutate();
      }}
    >
      {environment ? null : (
        <Field
          label="Name"
          required
          value={name}
          onChange={(event) => setName(event.target.value)}
          hint="Small letters, digits, dots and dashes, such as shop"
        />
      )}
      <Field
        label="Repository"
        required
        value={repository}
        onChange={(event) => setRepository(event.target.value)}
        hint="https address; administrators may name a folder on the server, such as /srv/git/shop.git"
      />
      <Field
        label="Branch"
        value={branch}
        placeholder="default branch"
        onChange={(event) => setBranch(event.target.value)}
        hint="Where tasks start that name none"
      />
      <Field
        label="Access token"
        type="password"
        autoComplete="off"
        value={token}
        onChange={(event) => setToken(event.target.value)}
        hint={
          environment?.hasToken
            ? "One is stored; a new one takes its place"
            : "For an https repository that needs one. Stored encrypted, never shown again"
        }
      />
      {environment?.hasToken ? (
        <label className="flex items-center gap-2">
          <input type="checkbox" checked={forget} onChange={(event) => setForget(event.target.checked)} /> Forget the stored token
        </label>
      ) : null}
      <Choice
        label="Publish"
        value={publish}
        onChange={(value) => setPublish(value === "always" ? "always" : "click")}
        options={[
          ["click", "when somebody asks for it"],
          ["always", "every change, when the agent has finished"],
        ]}
      />
      <fieldset className="grid grid-cols-2 gap-3">
        <legend className="mb-1 font-[550]">Limits of a sandbox</legend>
        {LIMITS.map(([key, label]) => (
          <Field
            key={key}
            label={label}
            type="number"
            min="0.1"
            step="any"
            placeholder={environment ? String(environment.limits[key]) : "default"}
            value={limits[key] ?? ""}
            onChange={(event) => setLimits({ ...limits, [key]: event.target.value })}
          />
        ))}
      </fieldset>
      <Fault error={save.error} />
      <Button kind="primary" type="submit" disabled={save.isPending}>
        {save.isPending ? "Looking at the repository …" : environment ? "Save as a new version" : "Make the environment"}
      </Button>
    </form>
  );
}
