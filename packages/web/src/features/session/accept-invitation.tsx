import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { client } from "../../lib/api.ts";
import { Button } from "../../ui/button.tsx";
import { Field } from "../../ui/form.tsx";
import { Fault } from "../../ui/states.tsx";

/** Somebody who was invited chooses a name and a password, and is in. */
export function AcceptInvitation({ token, onDone }: { token: string; onDone: () => void }) {
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const accept = useMutation({ mutationFn: () => client.acceptInvitation({ token, name, password }), onSuccess: onDone });
  return (
    <form
      className="space-y-4"
      onSubmit={(event) => {
        event.preventDefault();
        accept.mutate();
      }}
    >
      <Fault error={accept.error} />
      <Field label="Your name" autoComplete="name" required autoFocus value={name} onChange={(event) => setName(event.target.value)} />
      <Field
        label="A password"
        type="password"
        autoComplete="new-password"
        minLength={10}
        required
        value={password}
        onChange={(event) => setPassword(event.target.value)}
        hint="At least 10 characters"
      />
      <Button kind="primary" type="submit" disabled={accept.isPending} className="w-full justify-center">
        Join
      </Button>
    </form>
  );
}
