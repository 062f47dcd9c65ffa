import { type AttemptView, checksInWords, type TaskSummary, type TurnView } from "@farhand/protocol";
import { useMutation, useQueries, useQueryClient } from "@tanstack/react-query";
import { client } from "../../lib/api.ts";
import { visibleLine } from "../../lib/visible-text.ts";
import { duration, money } from "../../lib/words.ts";
import { Button } from "../../ui/button.tsx";
import { ChangeSize } from "../../ui/marks.tsx";
import { Fault } from "../../ui/states.tsx";
import { type Patch, patchQuery } from "../diff/patch.ts";
import { takeTask } from "../task-list/tasks.ts";

type Props = { task: TaskSummary; turn: TurnView; onShow: (attempt: number) => void };

/** The attempts of a turn side by side: how each ended, what it cost, and what it changed where. */
export function ComparePane({ task, turn, onShow }: Props) {
  const queries = useQueryClient();
  const choose = useMutation({
    mutationFn: (attempt: number) => client.choose(task.id, { attempt }),
    onSuccess: (after) => takeTask(queries, after),
  });
  const { attempts } = turn;
  const patches = useQueries({
    queries: attempts.map((one) => ({
      ...patchQuery(task.id, one.number, turn.turn, one.patch),
      enabled: one.patch !== null,
    })),
  }).map((query) => query.data);
  const paths = [...new Set(patches.flatMap((patch) => patch?.files.map((file) => file.path) ?? []))].sort();
  const mayChoose = turn.turn === task.turn && !task.archived;
  const facts: [string, (attempt: AttemptView) => React.ReactNode][] = [
    ["Ended", (one) => endOf(one)],
    ["Change", (one) => (one.stats ? <ChangeSize added={one.stats.added} removed={one.stats.removed} /> : "–")],
    ["Files", (one) => one.stats?.files ?? "–"],
    ["Checks", (one) => visibleLine(checksInWords(one.checks) ?? "none run")],
    ["Steps", (one) => one.steps],
    ["Cost", (one) => money(one.usage.costUsd)],
    ["Time", (one) => duration(one.phases.reduce((sum, phase) => sum + (phase.durationMs ?? 0), 0))],
  ];
  const cell = "border-b border-line px-2 py-1 text-left align-top wrap-anywhere max-md:px-1";
  return (
    <div tabIndex={0} role="region" aria-label="Compare" className="min-h-0 flex-1 overflow-auto px-3.5 py-3 -outline-offset-2">
      <table className="w-full table-fixed text-[13px]">
        <caption className="sr-only">The attempts of turn {turn.turn}</caption>
        <thead>
          <tr>
            <td className={`${cell} w-[28%] max-md:w-20`} />
            {attempts.map((one) => (
              <th key={one.number} scope="col" className={`${cell} font-[550]`}>
                <button type="button" className="text-accent underline underline-offset-2" onClick={() => onShow(one.number)}>
                  Attempt {one.number}
                </button>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {facts.map(([name, value]) => (
            <tr key={name}>
              <th scope="row" className={`${cell} font-normal text-ink-2`}>
                {name}
              </th>
              {attempts.map((one) => (
                <td key={one.number} className={cell}>
                  {value(one)}
                </td>
              ))}
            </tr>
          ))}
          {paths.map((path) => (
            <tr key={path}>
              <th scope="row" className={`${cell} font-mono text-[12px] font-normal text-ink-2`}>
                <bdi>{visibleLine(path)}</bdi>
              </th>
              {attempts.map((one, at) => (
                <td key={one.number} className={cell}>
                  <FileSize patch={patches[at]} path={path} />
                </td>
              ))}
            </tr>
          ))}
          {mayChoose ? (
            <tr>
              <td className="px-2 py-2" />
              {attempts.map((one) => (
                <td key={one.number} className="px-2 py-2 max-md:px-1">
                  {one.number === turn.chosen ? (
                    <span className="text-good">✓ chosen</span>
                  ) : one.state.state === "succeeded" ? (
                    <Button small disabled={choose.isPending} onClick={() => choose.mutate(one.number)}>
                      <span>
                        Choose<span className="max-md:sr-only"> {one.number}</span>
                      </span>
                    </Button>
                  ) : null}
                </td>
              ))}
            </tr>
          ) : null}
        </tbody>
      </table>
      <Fault error={choose.error} />
    </div>
  );
}

function FileSize({ patch, path }: { patch: Patch | undefined; path: string }) {
  const file = patch?.files.find((one) => one.path === path);
  return file ? <ChangeSize added={file.added} removed={file.removed} /> : <span className="text-ink-3">–</span>;
}

function endOf({ state }: AttemptView): string {
  if (state.state === "succeeded") return state.stopped ? "stopped" : "done";
  return state.state === "failed" ? state.reason.kind.replaceAll("-", " ") : state.state;
}
