import { type Environment, TaskPage, TaskSummary } from "@farhand/protocol";
import {
  type InfiniteData,
  infiniteQueryOptions,
  type QueryClient,
  type QueryFilters,
  queryOptions,
  replaceEqualDeep,
} from "@tanstack/react-query";
import { client } from "../../lib/api.ts";
import { live } from "../../lib/live/live.ts";
import { readStored, writeStored } from "../../lib/stored.ts";
import { EVERYTHING, fits, inOrder, type Wanted } from "./filters.ts";

const STORED = "tasks";
const LISTS = { queryKey: ["tasks"] };
const MOST_STORED = 50;
const MOST_A_PAGE = 100;

type Pages = InfiniteData<TaskPage, string | null>;

/** The tasks of a list, page by page; what is open and not narrowed is there at once from what the browser kept. */
export const tasksQuery = (wanted: Wanted) =>
  infiniteQueryOptions({
    queryKey: ["tasks", wanted] as const,
    queryFn: ({ pageParam }) =>
      client.tasks({
        limit: MOST_A_PAGE,
        ...(pageParam === null ? {} : { cursor: pageParam }),
        ...(wanted.words === "" ? { filter: wanted.filter === "active" ? "open" : wanted.filter } : { query: wanted.words }),
        ...(wanted.repository === "" ? {} : { repository: wanted.repository }),
        ...(wanted.person === "" ? {} : { person: wanted.person }),
      }),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.cursor,
    placeholderData: () => (isWhole(wanted) ? stored() : undefined),
  });

/** An answer may be older than what the stream has told meanwhile. */
export const taskQuery = (id: string) =>
  queryOptions({
    queryKey: ["task", id],
    queryFn: () => client.task(id),
    structuralSharing: (known, task) =>
      isOlder(task as TaskSummary, known as TaskSummary | undefined) ? known : replaceEqualDeep(known, task),
  });

const isOlder = (task: TaskSummary, known: TaskSummary | undefined) => known !== undefined && known.updatedAt > task.updatedAt;

/** The task as one of the lists has it. */
export function knownTask(queries: QueryClient, id: string): TaskSummary | undefined {
  const lists = queries.getQueriesData<Pages>({ queryKey: ["tasks"] });
  return lists
    .flatMap(([, list]) => list?.pages ?? [])
    .flatMap(({ tasks }) => tasks)
    .find((task) => task.id === id);
}

/** What was taken while lists were asked for: their answers may be older. */
const meanwhile = new Map<string, TaskSummary>();

/** Takes a task as it is now into all that is shown of it. */
export function takeTask(queries: QueryClient, task: TaskSummary): void {
  if (isOlder(task, queries.getQueryData<TaskSummary>(["task", task.id]))) return;
  queries.setQueryData(["task", task.id], task);
  if (task.kind !== "work") return;
  if (queries.isFetching(LISTS) > 0) meanwhile.set(task.id, task);
  const environments = queries.getQueryData<Environment[]>(["environments"]) ?? [];
  const repository = environments.find(({ id }) => id === task.environment.id)?.repository ?? null;
  for (const [key, pages] of queries.getQueriesData<Pages>({ queryKey: ["tasks"] })) {
    const wanted = key[1] as Wanted;
    if (pages) queries.setQueryData<Pages>(key, placed(pages, task, fits(task, repository, wanted)));
  }
}

/** In the page where it was, or else in the first; older ones than are loaded come with their page. */
function placed(old: Pages, task: TaskSummary, belongs: boolean): Pages {
  const last = old.pages.at(-1);
  const loaded = last?.cursor == null || task.createdAt >= (last.tasks.at(-1)?.createdAt ?? "");
  const at = old.pages.findIndex(({ tasks }) => tasks.some(({ id }) => id === task.id));
  const pages = old.pages.map((page, index) => {
    const others = page.tasks.filter(({ id }) => id !== task.id);
    const here = belongs && (at === -1 ? index === 0 && loaded : index === at);
    return here ? { ...page, tasks: [...others, task] } : others.length === page.tasks.length ? page : { ...page, tasks: others };
  });
  return { ...old, pages };
}

const isWhole = (wanted: Wanted) => JSON.stringify(wanted) === JSON.stringify(EVERYTHING);

function stored(): Pages | undefined {
  const known = readStored(STORED, TaskPage);
  return known ? { pages: [known], pageParams: [null] } : undefined;
}

/** Keeps the beginning of the list for the next time. */
function keep(queries: QueryClient): void {
  const pages = queries.getQueryData<Pages>(["tasks", EVERYTHING])?.pages;
  if (pages) writeStored(STORED, { tasks: inOrder(pages.flatMap(({ tasks }) => tasks)).slice(0, MOST_STORED), cursor: null });
}

/**
 * Asks again for what is shown. What is under way is not cut off, since somebody may have asked for one more page; but it may have been answered before,
 * so it is asked for once more when it has come.
 */
function askAgain(queries: QueryClient, filters: QueryFilters): void {
  const underWay = queries.getQueryCache().findAll({ ...filters, fetchStatus: "fetching" });
  const ask = (which: QueryFilters) => void queries.invalidateQueries(which, { cancelRefetch: false });
  ask({ ...filters, fetchStatus: "idle" });
  for (const { promise, queryKey } of underWay) void promise?.catch(() => {}).then(() => ask({ queryKey, exact: true }));
}

/** Keeps all of it up to date from the stream, until the returned function is called. After a lost connection everything is asked for again. */
export function followTasks(queries: QueryClient): () => void {
  let lost = false;
  const stopWatching = queries.getQueryCache().subscribe((event) => {
    if (event.type !== "updated" || event.query.queryKey[0] !== "tasks") return;
    if (event.action.type === "success" && !event.action.manual) for (const task of meanwhile.values()) takeTask(queries, task);
    if (queries.isFetching(LISTS) === 0) meanwhile.clear();
    if (isWhole(event.query.queryKey[1] as Wanted) && event.query.state.status === "success") keep(queries);
  });
  const stopListening = live().listen((message) => {
    if (message.type === "changed") {
      const task = TaskSummary.safeParse(message.task);
      if (task.success) takeTask(queries, task.data);
    }
    if (message.type === "refused" && message.task === null && message.status === 401) void queries.invalidateQueries({ queryKey: ["me"] });
    if (message.type === "connection" && message.state === "lost") lost = true;
    if (message.type !== "list-followed") return;
    if (lost) askAgain(queries, {});
    else for (const queryKey of [["tasks"], ["task"]]) askAgain(queries, { queryKey });
    lost = false;
  });
  live().say({ type: "watch-list" });
  return () => {
    stopWatching();
    stopListening();
  };
}
