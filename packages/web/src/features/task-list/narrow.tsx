import { useQuery } from "@tanstack/react-query";
import { client } from "../../lib/api.ts";
import { visibleLine } from "../../lib/visible-text.ts";
import { meQuery } from "../session/session.ts";
import { environmentsQuery } from "../settings/environments.ts";
import type { Wanted } from "./filters.ts";

export type Narrowing = Pick<Wanted, "repository" | "person">;
type Props = { value: Narrowing; onChange: (value: Narrowing) => void };

/** The list by repository and, for those who see the tasks of others, by person. Nothing where there is no choice. */
export function Narrow({ value, onChange }: Props) {
  const me = useQuery(meQuery);
  const environments = useQuery(environmentsQuery);
  const people = useQuery({ queryKey: ["users"], queryFn: () => client.users(), enabled: me.data?.role === "administrator" });
  const repositories = [...new Set(environments.data?.map(({ repository }) => repository))].sort();
  const persons = people.data ?? [];
  if (repositories.length < 2 && persons.length < 2) return null;
  return (
    <div className="flex gap-1.5 px-3 pb-2">
      {repositories.length < 2 ? null : (
        <Select
          label="Repository"
          any="any repository"
          value={value.repository}
          options={repositories.map((one) => [one, shortName(one)])}
          onChange={(repository) => onChange({ ...value, repository })}
        />
      )}
      {persons.length < 2 ? null : (
        <Select
          label="Person"
          any="anybody"
          value={value.person}
          options={persons.map(({ id, name }) => [id, name])}
          onChange={(person) => onChange({ ...value, person })}
        />
      )}
    </div>
  );
}

type SelectProps = { label: string; any: string; value: string; options: [string, string][]; onChange: (value: string) => void };

function Select({ label, any, value, options, onChange }: SelectProps) {
  return (
    <select
      aria-label={label}
      value={value}
      onChange={(event) => onChange(event.target.value)}
      className="min-w-0 flex-1 rounded-md border border-line bg-bg px-1.5 py-1 text-[12.5px] text-ink-2"
    >
      <option value="">{any}</option>
      {options.map(([key, text]) => (
        <option key={key} value={key}>
          {visibleLine(text)}
        </option>
      ))}
    </select>
  );
}

/** The last two parts of its address: owner and name. */
function shortName(repository: string): string {
  return repository
    .replace(/\/+$/, "")
    .replace(/\.git$/, "")
    .split("/")
    .slice(-2)
    .join("/");
}
