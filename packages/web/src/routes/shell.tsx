import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, Outlet, useMatches, useNavigate } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";
import { FirstStart } from "../features/first-start/first-start.tsx";
import { KeyboardHelp } from "../features/keyboard/help.tsx";
import { useKeys } from "../features/keyboard/keys.ts";
import { isLeaving, meQuery } from "../features/session/session.ts";
import { CostOfDay } from "../features/task-list/cost-of-day.tsx";
import { TaskList } from "../features/task-list/task-list.tsx";
import { followTasks } from "../features/task-list/tasks.ts";
import { isSignedOut } from "../lib/api.ts";
import { useIsConnectionLost } from "../lib/connection.ts";
import { hasStored } from "../lib/stored.ts";
import { visibleLine } from "../lib/visible-text.ts";
import { Key, Sign } from "../ui/marks.tsx";
import { Broken, Loading } from "../ui/states.tsx";

/** The frame of every page behind the door: the list at the left, the rest beside it. On a phone the list is a page of its own. */
export function ShellRoute() {
  const queries = useQueryClient();
  const navigate = useNavigate();
  const me = useQuery({ ...meQuery, retry: (count, error) => !isSignedOut(error) && count < 2 });
  const matches = useMatches();
  const last = matches.at(-1);
  const selected = last?.routeId === "/shell/tasks/$task" ? last.params.task : null;
  const home = last?.routeId === "/shell/";
  const searchBox = useRef<HTMLInputElement>(null);
  const [help, setHelp] = useState(false);
  const signedOut = isSignedOut(me.error);

  useEffect(() => {
    if (signedOut && !isLeaving()) void navigate({ to: "/login", search: { from: location.pathname + location.search }, replace: true });
  }, [signedOut, navigate]);
  useEffect(() => (me.data ? followTasks(queries) : undefined), [queries, me.data]);
  useKeys({
    n: () => void navigate({ to: "/new" }),
    j: () => step(1),
    k: () => step(-1),
    "/": () => searchBox.current?.focus(),
    "?": () => setHelp(true),
    Escape: home ? null : () => void navigate({ to: "/" }),
  });

  if (me.isLoadingError && !signedOut) return <Broken what="Farhand does not answer" error={me.error} onRetry={() => void me.refetch()} />;
  if (signedOut) return null;
  if (me.isPending && !hasStored("tasks"))
    return (
      <main className="late h-full md:w-[296px] md:border-r md:border-line md:bg-sunk md:dark:bg-bg">
        <h1 className="sr-only">Farhand</h1>
        <Loading label="Loading" lines={6} />
      </main>
    );
  return (
    <div className="flex h-full flex-col">
      <ConnectionLine />
      <div className="grid min-h-0 flex-1 md:grid-cols-[296px_minmax(0,1fr)]">
        <a href="#main" className="sr-only focus:not-sr-only focus:absolute focus:z-10 focus:bg-panel focus:p-2">
          To the content
        </a>
        <nav
          aria-label="Tasks"
          className={`min-h-0 min-w-0 flex-col border-r border-line bg-sunk dark:bg-bg ${home ? "flex" : "hidden"} md:flex`}
        >
          <Link to="/" className="flex items-center gap-2 px-4 pt-3.5 pb-2.5 font-[650] tracking-[-0.01em] -outline-offset-2">
            <Sign /> Farhand
          </Link>
          <Link
            to="/new"
            className="mx-3 mt-0.5 mb-2.5 flex items-center justify-between rounded-lg bg-accent px-3 py-2 font-[550] text-accent-ink hover:brightness-110"
          >
            New task <Key>N</Key>
          </Link>
          {home ? <h1 className="sr-only md:hidden">Tasks</h1> : null}
          <TaskList selected={selected} searchBox={searchBox} />
          <div className="flex gap-3 border-t border-line px-4 py-2.5 text-[13px] text-ink-2">
            <Link to="/settings/account" className="min-w-0 flex-1 truncate hover:text-ink">
              {me.data ? visibleLine(me.data.name) : "Account"}
            </Link>
            <CostOfDay />
            <Link to="/settings" className="hover:text-ink">
              Settings
            </Link>
          </div>
        </nav>
        <main id="main" className={`min-h-0 min-w-0 flex-col ${home ? "hidden" : "flex"} md:flex`}>
          <FirstStart />
          <Outlet />
        </main>
      </div>
      {help ? <KeyboardHelp onClose={() => setHelp(false)} /> : null}
    </div>
  );
}

function ConnectionLine() {
  const lost = useIsConnectionLost();
  return (
    <div role="status" aria-live="polite" data-connection={lost ? "lost" : "open"}>
      {lost ? (
        <p className="bg-warn-soft px-4 py-0.5 text-center text-[12.5px] text-warn">
          The connection is lost. Trying again; nothing is lost.
        </p>
      ) : null}
    </div>
  );
}

/** Moves the focus through the list, from the task that has it or is open. Enter then follows the link. */
function step(by: 1 | -1): void {
  const rows = [...document.querySelectorAll<HTMLElement>("[data-tasks] [data-task]")];
  const active = document.activeElement;
  const focused = rows.indexOf(active as HTMLElement);
  const at = focused !== -1 ? focused : rows.findIndex((row) => row.ariaCurrent === "page");
  const next = rows[Math.min(rows.length - 1, Math.max(0, at + by))];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}
