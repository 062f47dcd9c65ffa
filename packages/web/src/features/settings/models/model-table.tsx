import type { ModelFacts } from "@farhand/protocol";
import { useMutation } from "@tanstack/react-query";
import { client } from "../../../lib/api.ts";
import { visibleLine } from "../../../lib/visible-text.ts";
import { Button } from "../../../ui/button.tsx";
import { Fault } from "../../../ui/states.tsx";
import { contextInWords, pricesInWords } from "../../models/models.ts";

/** What can be chosen, each to be tried. */
export function ModelTable({ models, usual }: { models: readonly ModelFacts[]; usual: string }) {
  return (
    <section aria-label="Models">
      <h2 className="mb-2 font-semibold">Models that a task may have</h2>
      <ul className="divide-y divide-line rounded-[10px] border border-line bg-panel">
        {models.map((model) => (
          <ModelRow key={model.name} model={model} usual={model.name === usual} />
        ))}
      </ul>
      <p className="mt-2 text-[12.5px] text-ink-3">Prices are of a million tokens. An unknown one is counted as unknown, not as nothing.</p>
    </section>
  );
}

function ModelRow({ model, usual }: { model: ModelFacts; usual: boolean }) {
  const attempt = useMutation({ mutationFn: () => client.tryModel(model.name) });
  const tried = attempt.data;
  return (
    <li className="px-4 py-2.5">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
        <span className="min-w-0 flex-1">
          <span className="block font-[550] break-all">
            {visibleLine(model.name)}
            {usual ? <span className="ml-2 text-[12.5px] font-normal text-ink-3">default</span> : null}
          </span>
          <span className="text-[12.5px] text-ink-3">
            {model.provider === "script"
              ? "no AI: runs the sh blocks of the prompt"
              : `${pricesInWords(model.prices)} · context ${contextInWords(model.contextTokens)}`}
          </span>
        </span>
        {model.provider === "script" ? null : (
          <Button small disabled={attempt.isPending} onClick={() => attempt.mutate()}>
            {attempt.isPending ? "Trying…" : "Try it"}
            <span className="sr-only">{visibleLine(model.name)}</span>
          </Button>
        )}
      </div>
      {tried ? (
        <p role="status" className={`mt-1 break-words ${tried.ok ? "text-good" : "text-bad"}`}>
          {tried.ok ? "✓ It answered" : "✗ It did not answer"}
          {tried.ok ? ` in ${(tried.durationMs / 1000).toFixed(1)} s: ` : ": "}
          <span className="text-ink">{visibleLine(tried.said)}</span>
        </p>
      ) : null}
      <Fault error={attempt.error} />
    </li>
  );
}
