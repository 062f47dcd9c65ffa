import { useNavigate, useSearch } from "@tanstack/react-router";
import { NewTaskBox } from "../features/new-task/new-task.tsx";
import { BackToTasks } from "./settings.tsx";

/** A new task; `?environment=&branch=&prompt=&model=&mode=` fill it. */
export function NewTaskRoute() {
  const navigate = useNavigate();
  const wish = useSearch({ from: "/shell/new" });
  return (
    <div className="min-h-0 flex-1 overflow-y-auto px-3.5 py-6 md:px-[22px] md:py-12">
      <BackToTasks />
      <NewTaskBox
        key={JSON.stringify(wish)}
        wish={wish}
        focus
        onCreated={(task) => void navigate({ to: "/tasks/$task", params: { task: task.id } })}
      />
    </div>
  );
}
