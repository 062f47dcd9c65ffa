import { useQuery } from "@tanstack/react-query";
import { Link, Outlet } from "@tanstack/react-router";
import { meQuery } from "../features/session/session.ts";

/** All of the settings, and who sees each. */
const SECTIONS = [
  { to: "/settings/environments", name: "Environments", for: "everybody" },
  { to: "/settings/models", name: "Models", for: "administrators" },
  { to: "/settings/usage", name: "Usage", for: "everybody" },
  { to: "/settings/tokens", name: "Tokens", for: "everybody" },
  { to: "/settings/people", name: "People", for: "administrators" },
  { to: "/settings/host", name: "This host", for: "administrators" },
  { to: "/settings/account", name: "Account", for: "everybody" },
] as const;

/** The frame of the settings. */
export function SettingsRoute() {
  const me = useQuery(meQuery);
  return (
    <div className="min-h-0 flex-1 overflow-y-auto px-3.5 py-6 md:px-[22px]">
      <BackToTasks />
      <h1 className="mb-3 text-[18px] font-[620] tracking-[-0.012em]">Settings</h1>
      <nav aria-label="Settings" className="mb-6 flex flex-wrap gap-1 border-b border-line pb-2 text-[13px]">
        {SECTIONS.filter((one) => one.for === "everybody" || me.data?.role === "administrator").map(({ to, name }) => (
          <Link
            key={to}
            to={to}
            className="rounded-md px-2.5 py-1 text-ink-2 hover:text-ink aria-[current=page]:bg-sunk aria-[current=page]:font-[550] aria-[current=page]:text-ink aria-[current=page]:shadow-[0_0_0_1px_var(--line)]"
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
