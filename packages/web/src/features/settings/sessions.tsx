import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { client } from "../../lib/api.ts";
import { visibleLine } from "../../lib/visible-text.ts";
import { timeOfDay } from "../../lib/words.ts";
import { Button } from "../../ui/button.tsx";
import { Fault } from "../../ui/states.tsx";

/** Where one is signed in, each to be ended. */
export function Sessions() {
  const queries = useQueryClient();
  const sessions = useQuery({ queryKey: ["sessions"], queryFn: () => client.sessions(), staleTime: 0 });
  const end = useMutation({
    mutationFn: (id: string) => client.endSession(id),
    onSettled: () => void queries.invalidateQueries({ queryKey: ["sessions"] }),
  });
  return (
    <section aria-label="Sessions">
      <h2 className="mb-1 font-[550]">Signed in</h2>
      <Fault error={end.error ?? sessions.error} />
      <ul className="divide-y divide-line rounded-[10px] border border-line bg-panel empty:hidden">
        {sessions.data?.map((one) => (
          <li key={one.id} className="flex items-center gap-3 px-3 py-2">
            <span className="min-w-0 flex-1">
              <span className="block truncate">{browserInWords(one.browser)}</span>
              <span className="block text-[12.5px] text-ink-3">
                {one.address ? `${visibleLine(one.address)} · ` : ""}since {timeOfDay(one.createdAt)}
              </span>
            </span>
            {one.current ? (
              <span className="text-[12.5px] text-ink-3">this one</span>
            ) : (
              <Button
                small
                kind="danger"
                aria-label={`End the session since ${timeOfDay(one.createdAt)}`}
                disabled={end.isPending}
                onClick={() => end.mutate(one.id)}
              >
                End
              </Button>
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}

/** What a browser calls itself, in short. */
function browserInWords(browser: string | null): string {
  if (browser === null) return "a browser";
  const name = /(Firefox|Edg|OPR|HeadlessChrome|Chrome|Safari)\//.exec(browser)?.[1];
  const system = /(Android|iPhone|iPad|Windows|Mac OS X|Linux)/.exec(browser)?.[1];
  const known: Record<string, string> = { Edg: "Edge", OPR: "Opera", HeadlessChrome: "Chrome" };
  if (name === undefined) return visibleLine(browser.slice(0, 60));
  return `${known[name] ?? name}${system ? ` on ${system}` : ""}`;
}
