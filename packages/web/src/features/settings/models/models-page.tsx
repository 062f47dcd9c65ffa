import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { client } from "../../../lib/api.ts";
import { visibleLine } from "../../../lib/visible-text.ts";
import { Choice } from "../../../ui/form.tsx";
import { Broken, Fault, Loading } from "../../../ui/states.tsx";
import { startQuery } from "../../first-start/first-start.tsx";
import { modelsQuery } from "../../models/models.ts";
import { ModelTable } from "./model-table.tsx";
import { ProviderForm } from "./provider-form.tsx";

/** A worker tells what it can ask soon after a change, and when a server has loaded another model. */
const FRESH_MS = 3000;

/** For administrators: which models there are, and how they are reached. */
export function ModelsPage() {
  const queries = useQueryClient();
  const list = useQuery({ ...modelsQuery, staleTime: 0, refetchInterval: FRESH_MS });
  const settings = useQuery({ queryKey: ["model-settings"], queryFn: () => client.modelSettings(), refetchInterval: FRESH_MS });
  const changed = () => {
    for (const { queryKey } of [modelsQuery, startQuery]) void queries.invalidateQueries({ queryKey });
    void queries.invalidateQueries({ queryKey: ["model-settings"] });
  };
  const choose = useMutation({ mutationFn: (name: string) => client.chooseDefaultModel(name === "" ? null : name), onSuccess: changed });
  const error = list.error ?? settings.error;
  if (error && !(list.data && settings.data))
    return (
      <Broken what="The models could not be loaded" error={error} onRetry={() => void Promise.all([list.refetch(), settings.refetch()])} />
    );
  if (!list.data || !settings.data) return <Loading label="Loading the models" />;
  const { models, default: usual } = list.data;
  const [first] = models;
  return (
    <div className="max-w-3xl space-y-8">
      <section aria-label="Providers" className="space-y-4">
        <p className="text-ink-2">
          A key is sealed for the workers as it arrives: neither the page nor the web service can show it again, and no sandbox gets it.
        </p>
        {settings.data.providers.map((provider) => (
          <ProviderForm key={provider.provider} provider={provider} onChanged={changed} />
        ))}
      </section>
      <section aria-label="Default" className="max-w-md">
        <Choice
          label="Default model"
          hint="For tasks for which nobody chooses one."
          value={settings.data.default ?? ""}
          options={[
            ["", `the first: ${visibleLine(first?.name ?? "script")}`],
            ...models.map(({ name }) => [name, visibleLine(name)] as const),
          ]}
          onChange={(name) => choose.mutate(name)}
        />
        <Fault error={choose.error} />
      </section>
      <ModelTable models={models} usual={usual} />
    </div>
  );
}
