import { useNavigate, useParams } from "@tanstack/react-router";
import { EnvironmentEditor } from "../features/settings/environment/environment-editor.tsx";
import { EnvironmentPage } from "../features/settings/environment/environment-page.tsx";

/** A repository is added; a task for it comes next. */
export function NewEnvironmentRoute() {
  const navigate = useNavigate();
  return <EnvironmentEditor environment={null} onDone={(saved) => void navigate({ to: "/new", search: { environment: saved.name } })} />;
}

export function EnvironmentRoute() {
  const { environment: name } = useParams({ from: "/shell/settings/environments/$environment" });
  return <EnvironmentPage key={name} name={name} />;
}
