import type { Me } from "@farhand/protocol";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { client } from "../../lib/api.ts";
import { Button } from "../../ui/button.tsx";
import { Field } from "../../ui/form.tsx";
import { Fault } from "../../ui/states.tsx";

/** One's own name and address; the address is what one logs in with, so it needs the password. */
export function Person({ me }: { me: Me }) {
  const queries = useQueryClient();
  const [name, setName] = useState(me.name);
  const [email, setEmail] = useState(me.email);
  const [password, setPassword] = useState("");
  const moved = email.trim().toLowerCase() !== me.email;
  const change = useMutation({
    mutationFn: () => client.changeMe({ name: name.trim(), ...(moved ? { email: email.trim(), password } : {}) }),
    onSuccess: (changed) => {
      setPassword("");
      setEmail(changed.email);
      queries.setQueryData(["me"], changed);
    },
  });
  return (
    <form
      className="space-y-3"
      onSubmit={(event) => {
        event.preventDefault();
        change.mutate();
      }}
    >
      <Field
        label="Name"
        required
        maxLength={100}
        autoComplete="name"
        value={name}
        onChange={(event) => setName(event.target.value)}
        hint="Author of your commits"
      />
      <Field
        label="Address"
        type="email"
        required
        autoComplete="email"
        value={email}
        onChange={(event) => setEmail(event.target.value)}
        hint={`You are ${me.role === "administrator" ? "an administrator" : "a member"}`}
      />
      {moved ? (
        <Field
          label="Your password, for another address"
          type="password"
          required={me.hasPassword}
          autoComplete="current-password"
          value={password}
          onChange={(event) => setPassword(event.target.value)}
        />
      ) : null}
      <Fault error={change.error} />
      <p role="status" className="text-good">
        {change.isSuccess ? "✓ Saved" : ""}
      </p>
      <Button type="submit" disabled={change.isPending || (!moved && name.trim() === me.name)}>
        Save
      </Button>
    </form>
  );
}
