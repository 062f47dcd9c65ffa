import { visibleLine } from "../../lib/visible-text.ts";
import { duration, plural } from "../../lib/words.ts";
import { Empty } from "../../ui/states.tsx";
import type { StepView } from "../task-log/steps.ts";

/** The requests to the model: what each took and cost. */
export function StepsPane({ steps }: { steps: readonly StepView[] }) {
  if (steps.length === 0) return <Empty title="No steps yet">Each request to the model stands here, with its tokens, cost and time.</Empty>;
  return (
    <div tabIndex={0} role="region" aria-label="Steps" className="min-h-0 flex-1 overflow-auto px-3.5 py-3 -outline-offset-2">
      <table className="w-full text-[13px]">
        <caption className="sr-only">{plural(steps.length, "request")} to the model</caption>
        <thead className="text-left text-[12px] text-ink-3">
          <tr>
            {["Step", "Model", "In", "Out", "Cost", "Time"].map((head) => (
              <th key={head} scope="col" className="border-b border-line px-2 py-1 font-normal">
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody className="font-mono text-[12px]">
          {steps.map((step) => (
            <tr key={step.key} className="border-b border-line">
              <td className="px-2 py-1">{step.run > 1 ? `${step.run}.${step.step}` : step.step}</td>
              <td className="px-2 py-1">{visibleLine(step.model)}</td>
              <td className="px-2 py-1">{step.usage?.inputTokens?.toLocaleString("en") ?? "–"}</td>
              <td className="px-2 py-1">{step.usage?.outputTokens?.toLocaleString("en") ?? "–"}</td>
              <td className="px-2 py-1">{step.usage?.costUsd == null ? "–" : `$${step.usage.costUsd.toFixed(2)}`}</td>
              <td className="px-2 py-1">{step.durationMs === null ? "…" : duration(step.durationMs)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
