import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { client } from "../../lib/api.ts";
import { Button } from "../../ui/button.tsx";
import { Field } from "../../ui/form.tsx";
import { Fault } from "../../ui/states.tsx";

/** By password; `fault` says why another way in has failed. */
export function Login({ fault, onDone }: { fault: unknown; onDone: () => void }) {
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const signIn = useMutation({ mutationFn: () => client.logIn({ email, password }), onSuccess: onDone });
  return (
    <form
      className="space-y-4"
      onSubmit={(event) => {
        event.preventDefault();
        signIn.mutate();
      }}
    >
      <Fault error={signIn.error ?? fault} />
      <Field
        label="E-mail"
        type="email"
        autoComplete="username"
        required
        autoFocus
        value={email}
        onChange={(event) => setEmail(event.target.value)}
      />
      <Field
        label="Password"
        type="password"
        autoComplete="current-password"
        required
        value={password}
        onChange={(event) => setPassword(event.target.value)}
      />
      <Button kind="primary" type="submit" disabled={signIn.isPending} className="w-full justify-center">
        Log in
      </Button>
      <p className="text-[12.5px] text-ink-3">
        No password yet, or forgotten? On the machine that runs Farhand, <code>farhand login-link</code> prints a link that lets you in.
      </p>
    </form>
  );
}
