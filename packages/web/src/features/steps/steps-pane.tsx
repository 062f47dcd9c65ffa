import type { Usage } from "@farhand/protocol";
import { visibleLine } from "../../lib/visible-text.ts";
import { duration, money, plural } from "../../lib/words.ts";
import { cards } from "../../ui/card-rows.ts";
import { Empty } from "../../ui/states.tsx";
import type { StepView } from "../task-log/steps.ts";

const FILES = [
  ["transcript as Markdown", "transcript?format=markdown"],
  ["transcript as JSON Lines", "transcript?format=jsonl"],
] as const;
const KINDS = ["inputTokens", "cachedTokens", "outputTokens", "reasoningTokens"] as const;
const NAMES = { inputTokens: "In", cachedTokens: "Cached", outputTokens: "Out", reasoningTokens: "Reasoning" } as const;
const cell = `px-2 py-1 max-md:py-0 ${cards.cell}`;

/** The requests to the model: what each took and cost, and (`usage`) all of them together. What a provider does not say is a dash. */
export function StepsPane({ task, steps, usage }: { task: string; steps: readonly StepView[]; usage: Usage | undefined }) {
  if (steps.length === 0) return <Empty title="No steps yet">Each request to the model stands here, with its tokens, cost and time.</Empty>;
  return (
    <div tabIndex={0} role="region" aria-label="Steps" className="min-h-0 flex-1 overflow-auto px-3.5 py-3 -outline-offset-2">
      <table className={`text-[13px] ${cards.table}`}>
        <caption className="sr-only">{plural(steps.length, "request")} to the model</caption>
        <thead className={`text-left text-[12px] text-ink-3 ${cards.head}`}>
          <tr>
            {["Step", "Model", ...KINDS.map((kind) => NAMES[kind]), "Cost", "Time"].map((head) => (
              <th key={head} scope="col" className="border-b border-line px-2 py-1 font-normal">
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody className={`font-mono text-[12px] ${cards.body}`}>
          {steps.map((step) => (
            <tr key={step.seq} className={`border-b border-line ${cards.row}`}>
              <td data-label="Step" className={cell}>
                {step.run > 1 ? `${step.run}.${step.step}` : step.step}
              </td>
              <td data-label="Model" className={`${cell} wrap-anywhere`}>
                {visibleLine(step.model)}
              </td>
              {KINDS.map((kind) => (
                <td key={kind} data-label={NAMES[kind]} className={cell}>
                  {step.usage?.[kind]?.toLocaleString("en") ?? "–"}
                </td>
              ))}
              <td data-label="Cost" className={cell}>
                {money(step.usage?.costUsd ?? null)}
              </td>
              <td data-label="Time" className={cell}>
                {step.durationMs === null ? "…" : duration(step.durationMs)}
              </td>
            </tr>
          ))}
        </tbody>
        {usage ? (
          <tfoot className="font-mono text-[12px] max-md:mt-2 max-md:block">
            <tr className={cards.row}>
              <th scope="row" colSpan={2} className={`px-2 py-1.5 text-left font-sans font-[550] ${cards.title}`}>
                Together
              </th>
              {KINDS.map((kind) => (
                <td key={kind} data-label={NAMES[kind]} className={cell}>
                  {usage[kind]?.toLocaleString("en") ?? "–"}
                </td>
              ))}
              <td data-label="Cost" className={cell}>
                {money(usage.costUsd)}
              </td>
              <td className="max-md:hidden" />
            </tr>
          </tfoot>
        ) : null}
      </table>
      <p className="mt-4 flex flex-wrap gap-x-4 gap-y-1 text-[12.5px] text-ink-2">
        <span>Take it along:</span>
        {FILES.map(([name, path]) => (
          <a
            key={name}
            className="text-accent underline underline-offset-2"
            href={`/api/v1/tasks/${encodeURIComponent(task)}/${path}`}
            download
          >
            {name}
          </a>
        ))}
      </p>
    </div>
  );
}
