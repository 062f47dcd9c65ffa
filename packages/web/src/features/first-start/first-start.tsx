import { queryOptions, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { client } from "../../lib/api.ts";
import { meQuery } from "../session/session.ts";

export const startQuery = queryOptions({ queryKey: ["start"], queryFn: () => client.start(), staleTime: 30_000 });

/** What a new installation still needs; gone when it is done. A model is connected by an administrator; others are not asked for it. */
export function FirstStart() {
  const start = useQuery(startQuery);
  const me = useQuery(meQuery);
  const steps = start.data?.steps;
  if (!steps) return null;
  const connects = me.data?.role === "administrator";
  if (steps.repository && steps.task && (steps.model || !connects)) return null;
  return (
    <section
      aria-label="First steps"
      className="flex shrink-0 flex-wrap items-center gap-x-5 gap-y-1 border-b border-line bg-accent-soft px-3.5 py-2 text-[13px] md:px-[22px]"
    >
      <span className="font-[550]">First steps</span>
      {connects ? (
        <Step done={steps.model}>
          <Link to="/settings/models" className="underline underline-offset-2">
            Connect a model
          </Link>
        </Step>
      ) : null}
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
