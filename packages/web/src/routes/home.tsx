import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useEffect } from "react";
import { startQuery } from "../features/first-start/first-start.tsx";
import { NewTaskBox } from "../features/new-task/new-task.tsx";
import { useWide } from "../lib/use-wide.ts";

/** Beside the list: the sample task while somebody begins, then the box for a new task. */
export function HomeRoute() {
  const navigate = useNavigate();
  const start = useQuery(startQuery);
  const wide = useWide();
  const { steps, sampleTask } = start.data ?? {};
  const begins = steps && !(steps.repository && steps.task);
  useEffect(() => {
    if (wide && begins && sampleTask) void navigate({ to: "/tasks/$task", params: { task: sampleTask }, replace: true });
  }, [wide, begins, sampleTask, navigate]);
  if (!wide) return null;
  return (
    <div className="min-h-0 flex-1 overflow-y-auto px-[22px] py-12">
      <NewTaskBox wish={{}} focus={false} onCreated={(task) => void navigate({ to: "/tasks/$task", params: { task: task.id } })} />
    </div>
  );
}
