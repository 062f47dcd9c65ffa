import type { Environment } from "@farhand/protocol";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { client } from "../../../lib/api.ts";
import { Broken, Loading } from "../../../ui/states.tsx";
import { EnvironmentEditor } from "./environment-editor.tsx";
import { KeptSetup } from "./kept-setup.tsx";
import { Versions } from "./versions.tsx";

/** One environment: what it is, what is kept of it, what it was. */
export function EnvironmentPage({ name }: { name: string }) {
  const environment = useQuery({ queryKey: ["environment", name], queryFn: () => client.environment(name) });
  const [saved, setSaved] = useState<Environment | null>(null);
  const { data } = environment;
  if (environment.isLoadingError)
    return <Broken what="This environment cannot be shown" error={environment.error} onRetry={() => void environment.refetch()} />;
  if (!data) return <Loading label="Loading the environment" />;
  return (
    <div className="space-y-5">
      <h2 className="text-[16px] font-semibold">
        {data.name}{" "}
        <span role="status" className="text-[13px] font-normal text-ink-3">
          version {data.version}
          {saved?.version === data.version ? ", saved just now" : ""}
        </span>
      </h2>
      <KeptSetup environment={data} />
      <EnvironmentEditor environment={data} onDone={setSaved} />
      <Versions environment={data} />
    </div>
  );
}
