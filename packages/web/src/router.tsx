import { Mode } from "@farhand/protocol";
import { createRootRoute, createRoute, createRouter, Outlet, redirect } from "@tanstack/react-router";
import { z } from "zod";
import { type OneTime, takeOneTimeToken } from "./features/session/session.ts";
import { DoorRoute } from "./routes/door.tsx";
import { lazyView } from "./routes/lazy-view.tsx";
import { SettingsRoute } from "./routes/settings.tsx";
import { ShellRoute } from "./routes/shell.tsx";
import { Broken, Empty, Loading } from "./ui/states.tsx";

const text = z.string().optional().catch(undefined);
let oneTime: OneTime | null = null;

const root = createRootRoute({
  component: Outlet,
  errorComponent: ({ error }) => <Broken what="The page broke" error={error} onRetry={() => location.reload()} />,
  notFoundComponent: () => (
    <Empty title="There is no such page">
      <a href="/" className="text-accent underline">
        To the tasks
      </a>
    </Empty>
  ),
  beforeLoad: ({ location: to }) => {
    const taken = takeOneTimeToken();
    if (!taken) return;
    oneTime = taken;
    if (to.pathname !== "/login") throw redirect({ to: "/login", replace: true });
  },
});
const login = createRoute({
  getParentRoute: () => root,
  path: "/login",
  validateSearch: z.object({ from: text }),
  component: () => <DoorRoute oneTime={oneTime} />,
});
const shell = createRoute({ getParentRoute: () => root, id: "shell", component: ShellRoute });
const home = createRoute({
  getParentRoute: () => shell,
  path: "/",
  component: lazyView(() => import("./routes/home.tsx"), "HomeRoute"),
});
const newTask = createRoute({
  getParentRoute: () => shell,
  path: "/new",
  validateSearch: z.object({ environment: text, branch: text, prompt: text, model: text, mode: Mode.optional().catch(undefined) }),
  component: lazyView(() => import("./routes/new-task.tsx"), "NewTaskRoute"),
});
const task = createRoute({
  getParentRoute: () => shell,
  path: "/tasks/$task",
  component: lazyView(() => import("./routes/task.tsx"), "TaskRoute"),
});
const settings = createRoute({ getParentRoute: () => shell, path: "/settings", component: SettingsRoute });
const settingsIndex = createRoute({
  getParentRoute: () => settings,
  path: "/",
  beforeLoad: () => {
    throw redirect({ to: "/settings/environments", replace: true });
  },
});
const environments = createRoute({
  getParentRoute: () => settings,
  path: "/environments",
  component: lazyView(() => import("./features/settings/environment/environment-list.tsx"), "EnvironmentList"),
});
const newEnvironment = createRoute({
  getParentRoute: () => settings,
  path: "/environments/new",
  component: lazyView(() => import("./routes/environment.tsx"), "NewEnvironmentRoute"),
});
const environment = createRoute({
  getParentRoute: () => settings,
  path: "/environments/$environment",
  component: lazyView(() => import("./routes/environment.tsx"), "EnvironmentRoute"),
});
const models = createRoute({
  getParentRoute: () => settings,
  path: "/models",
  component: lazyView(() => import("./features/settings/models/models-page.tsx"), "ModelsPage"),
});
const usage = createRoute({
  getParentRoute: () => settings,
  path: "/usage",
  component: lazyView(() => import("./features/settings/usage.tsx"), "UsagePage"),
});
const tokens = createRoute({
  getParentRoute: () => settings,
  path: "/tokens",
  component: lazyView(() => import("./features/settings/tokens.tsx"), "Tokens"),
});
const people = createRoute({
  getParentRoute: () => settings,
  path: "/people",
  component: lazyView(() => import("./features/settings/people.tsx"), "People"),
});
const host = createRoute({
  getParentRoute: () => settings,
  path: "/host",
  component: lazyView(() => import("./features/settings/this-host.tsx"), "ThisHost"),
});
const account = createRoute({
  getParentRoute: () => settings,
  path: "/account",
  component: lazyView(() => import("./features/settings/account.tsx"), "Account"),
});

/** All addresses of the page. */
export const router = createRouter({
  defaultPendingMs: 200,
  defaultPendingComponent: () => <Loading label="Loading the page" />,
  routeTree: root.addChildren([
    login,
    shell.addChildren([
      home,
      newTask,
      task,
      settings.addChildren([settingsIndex, environments, newEnvironment, environment, models, usage, tokens, people, host, account]),
    ]),
  ]),
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
