import { useQuery } from "@tanstack/react-query";
import { Link, Outlet, useNavigate, useParams } from "@tanstack/react-router";
import { meQuery } from "../features/session/session.ts";
import { EnvironmentForm } from "../features/settings/environment-form.tsx";
import { client } from "../lib/api.ts";
import { Broken, Loading } from "../ui/states.tsx";

const PAGES = [
  ["/settings/environments", "Environments"],
  ["/settings/tokens", "Tokens"],
  ["/settings/people", "People"],
  ["/settings/account", "Account"],
] as const;

/** The frame of the settings. */
export function SettingsRoute() {
  const me = useQuery(meQuery);
  return (
    <div className="min-h-0 flex-1 overflow-y-auto px-3.5 py-6 md:px-[22px]">
      <BackToTasks />
      <h1 className="mb-3 text-[18px] font-[620] tracking-[-0.012em]">Settings</h1>
      <nav aria-label="Settings" className="mb-6 flex flex-wrap gap-1 border-b border-line pb-2 text-[13px]">
        {PAGES.filter(([to]) => to !== "/settings/people" || me.data?.role === "administrator").map(([to, name]) => (
          <Link
            key={to}
            to={to}
            className="rounded-md px-2.5 py-1 text-ink-2 hover:text-ink aria-[current=page]:bg-sunk aria-[current=page]:font-[550] aria-[current=page]:text-ink"
          >
            {name}
          </Link>
        ))}
      </nav>
      <Outlet />
    </div>
  );
}

/** On a phone the list is a page of its own. */
export function BackToTasks() {
  return (
    <Link to="/" className="mb-3 inline-block text-[13px] text-accent underline underline-offset-2 md:hidden">
      ‹ Tasks
    </Link>
  );
}

export function NewEnvironmentRoute() {
  const navigate = useNavigate();
  return <EnvironmentForm environment={null} onDone={(saved) => void navigate({ to: "/new", search: { environment: saved.name } })} />;
}

export function EnvironmentRoute() {
  const { environment: name } = useParams({ from: "/shell/settings/environments/$environment" });
  const navigate = useNavigate();
  const environment = useQuery({ queryKey: ["environment", name], queryFn: () => client.environment(name) });
  if (environment.isError)
    return <Broken what="This environment cannot be shown" error={environment.error} onRetry={() => void environment.refetch()} />;
  if (!environment.data) return <Loading label="Loading the environment" />;
  return (
    <>
      <h2 className="mb-4 text-[16px] font-semibold">
        {environment.data.name} <span className="text-[13px] font-normal text-ink-3">version {environment.data.version}</span>
      </h2>
      <EnvironmentForm
        key={environment.data.version}
        environment={environment.data}
        onDone={() => {
          void environment.refetch();
          void navigate({ to: "/settings/environments" });
        }}
      />
    </>
  );
}
