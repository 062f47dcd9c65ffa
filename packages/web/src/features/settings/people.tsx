import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { client } from "../../lib/api.ts";
import { visibleLine } from "../../lib/visible-text.ts";
import { timeOfDay } from "../../lib/words.ts";
import { Button } from "../../ui/button.tsx";
import { CopyButton } from "../../ui/copy.tsx";
import { Choice, Field } from "../../ui/form.tsx";
import { Broken, Fault, Loading } from "../../ui/states.tsx";

/** For administrators: who is here, and invitations by link. */
export function People() {
  const users = useQuery({ queryKey: ["users"], queryFn: () => client.users() });
  const [email, setEmail] = useState("");
  const [role, setRole] = useState<"member" | "administrator">("member");
  const queries = useQueryClient();
  const invitations = useQuery({ queryKey: ["invitations"], queryFn: () => client.invitations() });
  const changed = () => void queries.invalidateQueries({ queryKey: ["invitations"] });
  const invite = useMutation({
    mutationFn: () => client.invite({ email: email.trim(), role }),
    onSuccess: () => {
      setEmail("");
      changed();
    },
  });
  const withdraw = useMutation({
    mutationFn: (address: string) => client.withdrawInvitation(address),
    onSuccess: () => invite.reset(),
    onSettled: changed,
  });
  return (
    <div className="max-w-xl space-y-4">
      <form
        className="space-y-3"
        onSubmit={(event) => {
          event.preventDefault();
          invite.mutate();
        }}
      >
        <Field label="E-mail of whom you invite" type="email" required value={email} onChange={(event) => setEmail(event.target.value)} />
        <Choice
          label="As"
          value={role}
          onChange={(value) => setRole(value === "administrator" ? "administrator" : "member")}
          options={[
            ["member", "member: gives tasks, sees own tasks"],
            ["administrator", "administrator: sees all tasks, changes everything"],
          ]}
        />
        <Fault error={invite.error} />
        <Button kind="primary" type="submit" disabled={invite.isPending}>
          Make an invitation
        </Button>
      </form>
      {invite.data ? (
        <div role="status" className="rounded-[10px] border border-accent bg-accent-soft p-3">
          <p className="mb-2">Send them this link. It works once, until {timeOfDay(invite.data.expiresAt)}:</p>
          <div className="flex flex-wrap items-center gap-2">
            <code data-invitation className="min-w-0 flex-1 rounded bg-panel px-2 py-1 text-[12px] break-all select-all">
              {invite.data.link}
            </code>
            <CopyButton small text={() => invite.data.link}>
              Copy
            </CopyButton>
          </div>
        </div>
      ) : null}
      <Fault error={withdraw.error ?? invitations.error} />
      {invitations.data && invitations.data.length > 0 ? (
        <section aria-label="Open invitations">
          <h2 className="mb-1 font-[550]">Not accepted yet</h2>
          <ul className="divide-y divide-line rounded-[10px] border border-line bg-panel">
            {invitations.data.map((one) => (
              <li key={one.email} className="flex flex-wrap items-center gap-x-3 px-4 py-2">
                <span className="min-w-0 flex-1">
                  <span className="block truncate">{visibleLine(one.email)}</span>
                  <span className="text-[12.5px] text-ink-3">
                    {one.role} · by {visibleLine(one.invitedBy)} · until {timeOfDay(one.expiresAt)}
                  </span>
                </span>
                <Button
                  small
                  kind="danger"
                  aria-label={`Withdraw the invitation of ${one.email}`}
                  disabled={withdraw.isPending}
                  onClick={() => withdraw.mutate(one.email)}
                >
                  Withdraw
                </Button>
              </li>
            ))}
          </ul>
        </section>
      ) : null}
      {users.isPending ? <Loading label="Loading the people" /> : null}
      {users.isLoadingError ? (
        <Broken what="The people could not be loaded" error={users.error} onRetry={() => void users.refetch()} />
      ) : null}
      <ul className="divide-y divide-line rounded-[10px] border border-line bg-panel empty:hidden">
        {users.data?.map((user) => (
          <li key={user.id} className="flex items-baseline gap-3 px-4 py-2.5">
            <b className="font-[550]">{visibleLine(user.name)}</b>
            <span className="min-w-0 flex-1 truncate text-ink-2">{visibleLine(user.email)}</span>
            <span className="text-[12.5px] text-ink-3">{user.role}</span>
          </li>
        ))}
      </ul>
    </div>
  );
}
