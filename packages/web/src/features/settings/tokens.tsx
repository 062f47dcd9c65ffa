import { type MintedToken, TokenScope } from "@farhand/protocol";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { client } from "../../lib/api.ts";
import { visibleLine } from "../../lib/visible-text.ts";
import { timeOfDay } from "../../lib/words.ts";
import { Button } from "../../ui/button.tsx";
import { CopyButton } from "../../ui/copy.tsx";
import { Choice, Field } from "../../ui/form.tsx";
import { Broken, Fault, Loading } from "../../ui/states.tsx";

const SCOPES: Record<TokenScope, string> = {
  read: "only look",
  tasks: "give and control tasks, and look",
  all: "everything that you may",
};

/** One's own API tokens: make, see once, revoke. */
export function Tokens() {
  const queries = useQueryClient();
  const tokens = useQuery({ queryKey: ["tokens"], queryFn: () => client.tokens() });
  const [name, setName] = useState("");
  const [scope, setScope] = useState<TokenScope>("tasks");
  const [minted, setMinted] = useState<MintedToken | null>(null);
  const changed = () => queries.invalidateQueries({ queryKey: ["tokens"] });
  const make = useMutation({
    mutationFn: () => client.createToken({ name: name.trim(), scope }),
    onSuccess: (made) => {
      setMinted(made);
      setName("");
      void changed();
    },
  });
  const revoke = useMutation({ mutationFn: (id: string) => client.revokeToken(id), onSuccess: () => void changed() });
  return (
    <div className="max-w-xl space-y-4">
      <p className="text-ink-2">A token lets the command line and programs act as you. Whoever has it can do what it may.</p>
      <form
        className="space-y-3"
        onSubmit={(event) => {
          event.preventDefault();
          make.mutate();
        }}
      >
        <Field label="What it is for" required value={name} onChange={(event) => setName(event.target.value)} />
        <Choice
          label="What it may"
          value={scope}
          onChange={(value) => setScope(TokenScope.parse(value))}
          options={TokenScope.options.map((one) => [one, SCOPES[one]] as const)}
        />
        <Button kind="primary" type="submit" disabled={make.isPending || name.trim() === ""}>
          Make a token
        </Button>
      </form>
      <Fault error={make.error ?? revoke.error} />
      {minted ? (
        <div role="status" className="rounded-[10px] border border-accent bg-accent-soft p-3">
          <p className="mb-2">This is shown only now:</p>
          <div className="flex flex-wrap items-center gap-2">
            <code className="min-w-0 flex-1 rounded bg-panel px-2 py-1 text-[12px] break-all select-all">{minted.token}</code>
            <CopyButton small text={() => minted.token}>
              Copy
            </CopyButton>
          </div>
        </div>
      ) : null}
      {tokens.isPending ? <Loading label="Loading the tokens" /> : null}
      {tokens.isLoadingError ? (
        <Broken what="The tokens could not be loaded" error={tokens.error} onRetry={() => void tokens.refetch()} />
      ) : null}
      <ul className="divide-y divide-line rounded-[10px] border border-line bg-panel empty:hidden">
        {tokens.data?.map((token) => (
          <li key={token.id} className="flex items-center gap-3 px-4 py-2.5">
            <span className="min-w-0 flex-1">
              <span className="block truncate font-[550]">{visibleLine(token.name)}</span>
              <span className="text-[12.5px] text-ink-3">
                may {SCOPES[token.scope]} · made {timeOfDay(token.createdAt)} ·{" "}
                {token.lastUsedAt ? `used ${timeOfDay(token.lastUsedAt)}` : "never used"}
              </span>
            </span>
            <Button
              small
              kind="danger"
              disabled={revoke.isPending}
              aria-label={`Revoke ${token.name}`}
              onClick={() => revoke.mutate(token.id)}
            >
              Revoke
            </Button>
          </li>
        ))}
      </ul>
    </div>
  );
}
