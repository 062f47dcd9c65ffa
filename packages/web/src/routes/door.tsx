import { useSearch } from "@tanstack/react-router";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { AcceptInvitation } from "../features/session/accept-invitation.tsx";
import { Login } from "../features/session/login.tsx";
import type { OneTime } from "../features/session/session.ts";
import { client } from "../lib/api.ts";
import { Sign } from "../ui/marks.tsx";
import { Loading } from "../ui/states.tsx";

/** The way in: by the one-time link that brought somebody here, or by password. */
export function DoorRoute({ oneTime }: { oneTime: OneTime | null }) {
  const { from } = useSearch({ from: "/login" });
  const [fault, setFault] = useState<unknown>(null);
  const [entering, setEntering] = useState(oneTime?.kind === "login");
  const tried = useRef(false);
  const enter = () => {
    location.replace(target(from)); // a fresh page: nothing of whoever was here before stays in memory
  };
  useEffect(() => {
    if (oneTime?.kind !== "login" || tried.current) return;
    tried.current = true;
    client.logInByLink(oneTime.token).then(enter, (error: unknown) => {
      setFault(error);
      setEntering(false);
    });
  });
  if (entering)
    return (
      <Door title="Logging in">
        <Loading label="Logging in" lines={2} />
      </Door>
    );
  if (oneTime?.kind === "invitation")
    return (
      <Door title="You are invited to Farhand">
        <AcceptInvitation token={oneTime.token} onDone={enter} />
      </Door>
    );
  return (
    <Door title="Log in to Farhand">
      <Login fault={fault} onDone={enter} />
    </Door>
  );
}

/** Where somebody wanted to go; only within this service. */
function target(from: string | undefined): string {
  const url = from?.startsWith("/") && URL.canParse(from, location.origin) ? new URL(from, location.origin) : null;
  return url?.origin === location.origin && url.pathname !== "/login" ? url.pathname + url.search : "/";
}

function Door({ title, children }: { title: string; children: ReactNode }) {
  return (
    <main className="mx-auto flex min-h-full w-full max-w-sm flex-col justify-center px-5 py-10">
      <Sign className="mb-3 size-8" />
      <h1 className="mb-5 text-[18px] font-[620] tracking-[-0.012em]">{title}</h1>
      {children}
    </main>
  );
}
