import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { visibleLine } from "../../../lib/visible-text.ts";
import { buttonLook } from "../../../ui/button.tsx";
import { Broken, Empty, Loading } from "../../../ui/states.tsx";
import { environmentsQuery } from "../environments.ts";

/** All environments, each a link to its form. */
export function EnvironmentList() {
  const environments = useQuery(environmentsQuery);
  if (environments.isLoadingError)
    return <Broken what="The environments could not be loaded" error={environments.error} onRetry={() => void environments.refetch()} />;
  if (!environments.data) return <Loading label="Loading the environments" />;
  return (
    <>
      <Link to="/settings/environments/new" className={`${buttonLook("primary")} mb-4`}>
        Add a repository
      </Link>
      {environments.data.length === 0 ? (
        <Empty title="No environment yet">An environment says which repository tasks work on, and within which limits.</Empty>
      ) : null}
      <ul className="divide-y divide-line rounded-[10px] border border-line bg-panel empty:hidden">
        {environments.data.map((one) => (
          <li key={one.id}>
            <Link
              to="/settings/environments/$environment"
              params={{ environment: one.name }}
              className="block px-4 py-2.5 -outline-offset-2 hover:bg-sunk"
            >
              <b className="font-[550]">{one.name}</b> <span className="text-[12.5px] text-ink-3">version {one.version}</span>
              <span className="block truncate text-[12.5px] text-ink-2">
                {visibleLine(one.repository)} · {visibleLine(one.branch ?? "default branch")}
              </span>
            </Link>
          </li>
        ))}
      </ul>
    </>
  );
}
