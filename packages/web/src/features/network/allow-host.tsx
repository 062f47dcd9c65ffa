import type { RefusedRequest, TaskSummary } from "@farhand/protocol";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { client } from "../../lib/api.ts";
import { visibleLine } from "../../lib/visible-text.ts";
import { Button } from "../../ui/button.tsx";
import { Fault } from "../../ui/states.tsx";
import { meQuery } from "../session/session.ts";
import { allowanceOf, allowing } from "./allow.ts";

type Props = {
  /** Of the task, with the version by which it works. */
  environment: TaskSummary["environment"];
  request: RefusedRequest;
};

/** Lets whoever may change the environment allow a host that was refused, where that would help; says so where it was done. */
export function AllowHost({ environment: { name, version }, request }: Props) {
  const queries = useQueryClient();
  const me = useQuery(meQuery).data;
  const environment = useQuery({ queryKey: ["environment", name], queryFn: () => client.environment(name) }).data;
  const allow = useMutation({
    mutationFn: async () => {
      const now = await client.environment(name); // somebody may have changed it meanwhile
      return allowanceOf(now, version, request) === "possible" ? client.changeEnvironment(name, allowing(now, request)) : now;
    },
    onSuccess: (changed) => {
      queries.setQueryData(["environment", name], changed);
      void queries.invalidateQueries({ queryKey: ["environment-versions", changed.id] });
    },
  });
  const allowance = environment ? allowanceOf(environment, version, request) : null;
  if (allowance === "given")
    return (
      <span role="status" className="text-good">
        ✓ Allowed from the next turn on
      </span>
    );
  const mayChange = me && environment && (me.role === "administrator" || environment.createdBy === me.id);
  if (allowance === null || !mayChange) return null;
  const host = visibleLine(request.host);
  return (
    <>
      <Button
        small
        disabled={allow.isPending}
        aria-label={`Allow ${host}`}
        title={`Adds ${host} and its subdomains to what ${name} may reach`}
        onClick={() => allow.mutate()}
      >
        Allow
      </Button>
      <Fault error={allow.error} />
    </>
  );
}
