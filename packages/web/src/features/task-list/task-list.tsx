import type { TaskSummary } from "@farhand/protocol";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type RefObject, useDeferredValue, useRef, useState } from "react";
import { useNow } from "../../lib/use-now.ts";
import { visibleLine } from "../../lib/visible-text.ts";
import { ago } from "../../lib/words.ts";
import { Button } from "../../ui/button.tsx";
import { ChangeSize, Dot } from "../../ui/marks.tsx";
import { Broken, Empty, Loading } from "../../ui/states.tsx";
import { belongs, EVERYTHING, FILTER_NAMES, FILTERS, type Filter, inOrder } from "./filters.ts";
import { Narrow, type Narrowing } from "./narrow.tsx";
import { tasksQuery } from "./tasks.ts";

/** More would not fit beside its name. */
const MOST_COUNTED = 99;

/** The tasks that one may see, by state, with search. `searchBox` lets the keyboard get there. */
export function TaskList({ selected, searchBox }: { selected: string | null; searchBox: RefObject<HTMLInputElement | null> }) {
  const [filter, setFilter] = useState<Filter>("active");
  const [typed, setTyped] = useState("");
  const words = useDeferredValue(typed.trim());
  const [narrow, setNarrow] = useState<Narrowing>({ repository: "", person: "" });
  const open = useInfiniteQuery(tasksQuery(EVERYTHING));
  const source = useInfiniteQuery(tasksQuery({ filter: words === "" ? filter : "active", words, ...narrow }));
  const shown = inOrder(source.data?.pages.flatMap(({ tasks }) => tasks) ?? []);
  const { steady, holding } = useSteadyOrder(shown);
  const now = useNow(30_000);
  const all = open.data?.pages.flatMap(({ tasks }) => tasks) ?? [];
  const count = (one: Filter) => {
    const many = all.filter((task) => belongs(task, one)).length;
    return many > MOST_COUNTED || (many > 0 && open.hasNextPage) ? `${Math.min(many, MOST_COUNTED)}+` : `${many || ""}`;
  };

  return (
    <>
      <div className="flex flex-wrap gap-px px-3 pb-1.5 text-[12px]" role="group" aria-label="Which tasks">
        {FILTERS.map((one) => (
          <button
            key={one}
            type="button"
            aria-pressed={filter === one && words === ""}
            onClick={() => {
              setFilter(one);
              setTyped("");
            }}
            className="rounded-md px-[5px] py-1 text-ink-2 hover:text-ink aria-pressed:bg-panel aria-pressed:text-ink aria-pressed:shadow-[0_0_0_1px_var(--line)]"
          >
            {FILTER_NAMES[one]}
            {(one === "active" || one === "review") && count(one) !== "" ? ` ${count(one)}` : ""}
          </button>
        ))}
      </div>
      <div className="px-3 pb-2">
        <input
          ref={searchBox}
          type="search"
          value={typed}
          onChange={(event) => setTyped(event.target.value)}
          placeholder="Search tasks"
          aria-label="Search tasks"
          className="w-full rounded-md border border-line bg-bg px-2.5 py-1 text-[13px]"
        />
      </div>
      <Narrow value={narrow} onChange={setNarrow} />
      <div className="min-h-0 flex-1 overflow-y-auto px-2 pb-2">
        {source.isPending ? <Loading label="Loading the tasks" lines={6} /> : null}
        {source.isLoadingError ? (
          <Broken what="The tasks could not be loaded" error={source.error} onRetry={() => void source.refetch()} />
        ) : null}
        {source.data && shown.length === 0 ? <NothingHere filter={filter} words={words} /> : null}
        <ul {...holding} data-tasks>
          {steady.map((task) => (
            <li key={task.id}>
              <Row task={task} selected={task.id === selected} now={now} />
            </li>
          ))}
        </ul>
        {source.hasNextPage ? (
          <Button
            small
            kind="quiet"
            className="mt-1 w-full justify-center"
            disabled={source.isFetching}
            onClick={() => void source.fetchNextPage()}
          >
            Show older
          </Button>
        ) : null}
      </div>
    </>
  );
}

function Row({ task, selected, now }: { task: TaskSummary; selected: boolean; now: number }) {
  const stats = statsOf(task);
  const isShort = task.status === "ready" || task.status === "published" || (task.status === "answered" && task.mode === "ask");
  const what = isShort ? `${task.status} · ${ago(task.updatedAt, now)}` : task.statusText;
  return (
    <Link
      to="/tasks/$task"
      params={{ task: task.id }}
      data-task={task.id}
      aria-current={selected ? "page" : undefined}
      className="grid grid-cols-[18px_minmax(0,1fr)_auto] items-center gap-x-2 gap-y-0.5 rounded-lg px-2 py-2 -outline-offset-2 hover:bg-panel aria-[current]:bg-panel aria-[current]:shadow-[0_0_0_1px_var(--line)]"
    >
      <Dot status={task.status} />
      <b className="truncate font-[550]">
        <bdi>{visibleLine(task.title)}</bdi>
      </b>
      {stats ? <ChangeSize added={stats.added} removed={stats.removed} /> : <span />}
      <small className="col-start-2 col-end-4 truncate text-[12px] text-ink-3">
        {task.environment.name}
        {task.ref ? ` · ${visibleLine(task.ref)}` : ""} · {isShort ? null : <span className="sr-only">{task.status}. </span>}
        {visibleLine(what)}
      </small>
    </Link>
  );
}

function NothingHere({ filter, words }: { filter: Filter; words: string }) {
  if (words !== "") return <Empty title="Nothing found">No task has “{words}” in its title, environment or person.</Empty>;
  if (filter === "active") {
    return (
      <Empty title="No active tasks">
        <Link to="/new" className="text-accent underline underline-offset-2">
          Give one
        </Link>{" "}
        and it appears here.
      </Empty>
    );
  }
  return <Empty title={filter === "review" ? "Nothing to review" : filter === "done" ? "Nothing done yet" : "Nothing archived"} />;
}

/** The size of the best change there is. */
function statsOf(task: TaskSummary): { added: number; removed: number } | null {
  for (const attempt of task.attempts) {
    if ((attempt.state === "succeeded" || attempt.state === "failed") && attempt.stats && attempt.stats.files > 0) return attempt.stats;
  }
  return null;
}

/** While the pointer is over the list, rows keep their places: what is new waits at the end. */
function useSteadyOrder(tasks: TaskSummary[]) {
  const held = useRef<string[] | null>(null);
  const [, setTurn] = useState(0);
  const order = held.current;
  const place = (task: TaskSummary) => {
    const at = order?.indexOf(task.id) ?? -1;
    return at === -1 ? Number.MAX_SAFE_INTEGER : at;
  };
  const steady = order ? [...tasks].sort((a, b) => place(a) - place(b)) : tasks;
  return {
    steady,
    holding: {
      onPointerEnter: () => {
        held.current = tasks.map((task) => task.id);
      },
      onPointerLeave: () => {
        held.current = null;
        setTurn((turn) => turn + 1);
      },
    },
  };
}
