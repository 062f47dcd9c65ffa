import { type Environment, recipeInWords } from "@farhand/protocol";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { client } from "../../../lib/api.ts";
import { useNow } from "../../../lib/use-now.ts";
import { visibleLine, visibleText } from "../../../lib/visible-text.ts";
import { ago, bytesInWords, plural } from "../../../lib/words.ts";
import { Button } from "../../../ui/button.tsx";
import { Fault } from "../../../ui/states.tsx";

/** What setup left on each worker, and why it ran the last time. */
export function KeptSetup({ environment }: { environment: Environment }) {
  const queries = useQueryClient();
  const now = useNow(60_000);
  const { snapshots, lastMiss, recipe } = environment;
  const reset = useMutation({
    mutationFn: () => client.resetEnvironment(environment.id),
    onSuccess: (changed) => queries.setQueryData(["environment", environment.name], changed),
  });
  const go = useNavigate();
  const test = useMutation({
    mutationFn: () => client.testSetup(environment.id),
    onSuccess: ({ id }) => go({ to: "/tasks/$task", params: { task: id } }),
  });
  return (
    <section aria-label="What is kept" className="rounded-[10px] border border-line bg-panel p-4">
      <div className="flex flex-wrap items-baseline gap-x-3">
        <h3 className="font-[550]">What is kept of setup</h3>
        <Button
          small
          className="ml-auto"
          disabled={test.isPending}
          title="Runs it anew, shows its log, and keeps what it leaves"
          onClick={() => test.mutate()}
        >
          Test setup
        </Button>
        <Button small disabled={reset.isPending} onClick={() => reset.mutate()}>
          Forget it
        </Button>
      </div>
      {snapshots.length === 0 ? (
        <p className="text-ink-2">
          {environment.setup.trim() !== "" || environment.automaticSetup
            ? "Nothing yet: the next task runs setup, if there is any."
            : "There is no setup script, so nothing is."}
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
          Setup last ran {ago(lastMiss.at, now)}, for this reason: {visibleLine(lastMiss.reason)}
        </p>
      ) : null}
      {recipe ? <LastRecipe recipe={recipe} now={now} /> : null}
      <p role="status" className="text-[12.5px] text-good">
        {reset.isSuccess ? "✓ The next task makes everything anew" : ""}
      </p>
      <Fault error={reset.error ?? test.error} />
    </section>
  );
}

/** By what the last run at the environment's own branch worked; its text may be the repository's. */
function LastRecipe({ recipe, now }: { recipe: NonNullable<Environment["recipe"]>; now: number }) {
  const scripts = [recipe.setup, recipe.maintenance].filter((script) => script.trim() !== "");
  return (
    <div className="mt-1 text-[12.5px] text-ink-3">
      The last run, {ago(recipe.at, now)}, went by: {visibleLine(recipeInWords(recipe))}
      {recipe.notices.map((notice) => (
        <p key={notice} className="text-warn">
          {visibleLine(notice)}
        </p>
      ))}
      {scripts.length > 0 && recipe.scripts !== "environment" ? (
        <details>
          <summary className="cursor-pointer">Its script</summary>
          <pre className="mt-1 max-h-60 overflow-auto rounded-md bg-sunk p-2 font-mono text-[12px] whitespace-pre-wrap">
            {visibleText(scripts.join("\n"))}
          </pre>
        </details>
      ) : null}
    </div>
  );
}
