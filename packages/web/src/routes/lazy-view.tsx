import { useQuery } from "@tanstack/react-query";
import type { ComponentType } from "react";
import { client } from "../lib/api.ts";
import { Broken, Loading } from "../ui/states.tsx";

/**
 * A view whose code is loaded when somebody first goes there. Where that fails it says why, and like everything that is asked of the service it comes once
 * the service is back.
 */
export function lazyView<Name extends string>(load: () => Promise<Record<Name, ComponentType>>, name: Name) {
  let View: ComponentType | null = null;
  const loaded = async () => {
    View ??= (await load())[name];
    return true;
  };
  function LazyView() {
    const view = useQuery({
      queryKey: ["view", name],
      queryFn: () => loaded().catch((fault: unknown) => beginAnew(name, fault)),
      initialData: () => (View ? true : undefined),
      staleTime: Number.POSITIVE_INFINITY,
    });
    if (view.data && View) return <View />;
    if (view.isLoadingError) return <Broken what="This page cannot be shown" error={view.error} onRetry={() => location.reload()} />;
    return <Loading label="Loading the page" />;
  }
  /** By the router, before it leaves the view that is there; what went wrong is said by the view. */
  const preload = () => loaded().then(ignore, ignore);
  return Object.assign(LazyView, { preload });
}

function ignore(): void {}

/**
 * Some browsers do not ask again for code that did not come once, and after an upgrade it has another name: the page begins anew. Throws while the service
 * does not answer, and `fault` where the code does not come from a service that does.
 */
async function beginAnew(name: string, fault: unknown): Promise<never> {
  await client.me();
  if (hasBegunFor(name)) throw fault;
  location.reload();
  return new Promise(() => {});
}

const BEGUN_FOR = "farhand.begun-for";
const AGAIN_AFTER_MS = 60_000;

/** Whether this tab has begun anew for it a moment ago. A tab that remembers nothing does not begin anew: it might never stop. */
function hasBegunFor(name: string): boolean {
  try {
    const [before, at] = (sessionStorage.getItem(BEGUN_FOR) ?? "").split(" ");
    sessionStorage.setItem(BEGUN_FOR, `${name} ${Date.now()}`);
    return before === name && Date.now() - Number(at) < AGAIN_AFTER_MS;
  } catch {
    return true;
  }
}
