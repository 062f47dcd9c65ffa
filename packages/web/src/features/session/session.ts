import { queryOptions } from "@tanstack/react-query";
import { client } from "../../lib/api.ts";
import { live } from "../../lib/live/live.ts";
import { forgetStored } from "../../lib/stored.ts";

/** Who is signed in. ApiError with status 401 = nobody. */
export const meQuery = queryOptions({
  queryKey: ["me"],
  queryFn: () => client.me(),
  staleTime: 5 * 60_000,
});

export type OneTime = { kind: "login" | "invitation"; token: string };

/** The token of a one-time link `/#login=TOKEN` or `/#invitation=TOKEN`, taken out of the address at once so that it stays in no history. */
export function takeOneTimeToken(): OneTime | null {
  const [, kind, token] = /^#(login|invitation)=([\w.~-]+)$/.exec(location.hash) ?? [];
  if (token === undefined) return null;
  history.replaceState(null, "", location.pathname + location.search);
  return { kind: kind === "login" ? "login" : "invitation", token };
}

let leaving = false;

/** Whether this tab is signing out: it leads to the door by itself, once. */
export const isLeaving = () => leaving;

/** Ends the session, forgets what the browser kept, and begins anew. */
export async function signOut(): Promise<void> {
  leaving = true;
  await client.logOut().catch((fault: unknown) => {
    leaving = false;
    throw fault;
  });
  forgetStored();
  live().say({ type: "signed-out" });
  location.assign("/login");
}
