import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { client } from "../../lib/api.ts";
import { Button } from "../../ui/button.tsx";
import { Field } from "../../ui/form.tsx";
import { Fault } from "../../ui/states.tsx";
import { meQuery, signOut } from "../session/session.ts";
import { Person } from "./person.tsx";
import { Sessions } from "./sessions.tsx";

/** One's own name, address and password; where one is signed in; the way out. */
export function Account() {
  const queries = useQueryClient();
  const me = useQuery(meQuery);
  const [current, setCurrent] = useState("");
  const [next, setNext] = useState("");
  const change = useMutation({
    mutationFn: () => client.changePassword({ current: current === "" ? null : current, next }),
    onSuccess: () => {
      setCurrent("");
      setNext("");
      void queries.invalidateQueries({ queryKey: ["me"] });
    },
  });
  const leave = useMutation({ mutationFn: signOut });
  if (!me.data) return null;
  return (
    <div className="max-w-sm space-y-6">
      <Person me={me.data} />
      <form
        className="space-y-3"
        onSubmit={(event) => {
          event.preventDefault();
          change.mutate();
        }}
      >
        <h2 className="font-[550]">{me.data.hasPassword ? "Change the password" : "Set a password"}</h2>
        {me.data.hasPassword ? (
          <Field
            label="Current password"
            type="password"
            autoComplete="current-password"
            value={current}
            onChange={(event) => setCurrent(event.target.value)}
            hint="May be left empty for 15 minutes after a login by a link"
          />
        ) : null}
        <Field
          label="New password"
          type="password"
          autoComplete="new-password"
          minLength={10}
          required
          value={next}
          onChange={(event) => setNext(event.target.value)}
          hint="At least 10 characters"
        />
        <Fault error={change.error} />
        <p role="status" className="text-good">
          {change.isSuccess ? "✓ The password is set" : ""}
        </p>
        <Button kind="primary" type="submit" disabled={change.isPending}>
          Set the password
        </Button>
      </form>
      <Sessions />
      <div>
        <Fault error={leave.error} />
        <Button kind="danger" onClick={() => leave.mutate()}>
          Log out
        </Button>
      </div>
    </div>
  );
}
