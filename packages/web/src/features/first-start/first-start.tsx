import { queryOptions, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { client } from "../../lib/api.ts";

export const startQuery = queryOptions({ queryKey: ["start"], queryFn: () => client.start(), staleTime: 30_000 });

/** What a new installation still needs; gone when it is done. Models are not asked for: there is no other than `script` to connect yet. */
export function FirstStart() {
  const start = useQuery(startQuery);
  const steps = start.data?.steps;
  if (!steps || (steps.repository && steps.task)) return null;
  return (
    <section
      aria-label="First steps"
      className="flex shrink-0 flex-wrap items-center gap-x-5 gap-y-1 border-b border-line bg-accent-soft px-3.5 py-2 text-[13px] md:px-[22px]"
    >
      <span className="font-[550]">First steps</span>
      <Step done={steps.repository}>
        <Link to="/settings/environments/new" className="underline underline-offset-2">
          Add a repository
        </Link>
      </Step>
      <Step done={steps.task}>
        <Link to="/new" className="underline underline-offset-2">
          Give it a task
        </Link>
      </Step>
    </section>
  );
}

function Step({ done, children }: { done: boolean; children: React.ReactNode }) {
  return (
    <span className={done ? "text-ink-2" : ""}>
      <span aria-hidden="true" className={done ? "text-good" : "text-ink-3"}>
        {done ? "✓ " : "○ "}
      </span>
      <span className="sr-only">{done ? "done: " : "to do: "}</span>
      {children}
    </span>
  );
}
