import type { Environment } from "@farhand/protocol";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { client } from "../../../lib/api.ts";
import { useNow } from "../../../lib/use-now.ts";
import { visibleLine } from "../../../lib/visible-text.ts";
import { ago, bytesInWords, plural } from "../../../lib/words.ts";
import { Button } from "../../../ui/button.tsx";
import { Fault } from "../../../ui/states.tsx";

/** What setup left on each worker, and why it ran the last time. */
export function KeptSetup({ environment }: { environment: Environment }) {
  const queries = useQueryClient();
  const now = useNow(60_000);
  const { snapshots, lastMiss } = environment;
  const reset = useMutation({
    mutationFn: () => client.resetEnvironment(environment.id),
    onSuccess: (changed) => queries.setQueryData(["environment", environment.name], changed),
  });
  return (
    <section aria-label="What is kept" className="rounded-[10px] border border-line bg-panel p-4">
      <div className="flex flex-wrap items-baseline gap-x-3">
        <h3 className="font-[550]">What is kept of setup</h3>
        <Button small className="ml-auto" disabled={reset.isPending} onClick={() => reset.mutate()}>
          Forget it
        </Button>
      </div>
      {snapshots.length === 0 ? (
        <p className="text-ink-2">
          {environment.setup.trim() === "" ? "There is no setup script, so nothing is." : "Nothing yet: the next task runs setup."}
        </p>
      ) : (
        <ul className="mt-1">
          {snapshots.map((one) => (
            <li key={`${one.worker} ${one.commit} ${one.madeAt}`} className="text-ink-2">
              at <code className="text-[12.5px]">{visibleLine(one.commit.slice(0, 10))}</code>, made {ago(one.madeAt, now)}
              {one.bytes === null ? "" : `, ${bytesInWords(one.bytes)}`}, served {plural(one.hits, "task")}
              {one.hits > 0 ? `, the last ${ago(one.usedAt, now)}` : ""}, on {visibleLine(one.worker)}
            </li>
          ))}
        </ul>
      )}
      {lastMiss ? (
        <p className="mt-1 text-[12.5px] text-ink-3">
          Setup last ran {ago(lastMiss.at, now)}: {visibleLine(lastMiss.reason)}
        </p>
      ) : null}
      <p role="status" className="text-[12.5px] text-good">
        {reset.isSuccess ? "✓ The next task makes everything anew" : ""}
      </p>
      <Fault error={reset.error} />
    </section>
  );
}
