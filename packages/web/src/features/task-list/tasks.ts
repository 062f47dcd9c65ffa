import { type Environment, TaskPage, TaskSummary } from "@farhand/protocol";
import { type InfiniteData, infiniteQueryOptions, type QueryClient, queryOptions } from "@tanstack/react-query";
import { client } from "../../lib/api.ts";
import { live } from "../../lib/live/live.ts";
import { readStored, writeStored } from "../../lib/stored.ts";
import { EVERYTHING, fits, inOrder, type Wanted } from "./filters.ts";

const STORED = "tasks";
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

export const taskQuery = (id: string) => queryOptions({ queryKey: ["task", id], queryFn: () => client.task(id) });

/** The task as one of the lists has it. */
export function knownTask(queries: QueryClient, id: string): TaskSummary | undefined {
  const lists = queries.getQueriesData<Pages>({ queryKey: ["tasks"] });
  return lists
    .flatMap(([, list]) => list?.pages ?? [])
    .flatMap(({ tasks }) => tasks)
    .find((task) => task.id === id);
}

/** Takes a task as it is now into all that is shown of it. */
export function takeTask(queries: QueryClient, task: TaskSummary): void {
  const known = queries.getQueryData<TaskSummary>(["task", task.id]);
  if (known && known.updatedAt > task.updatedAt) return;
  queries.setQueryData(["task", task.id], task);
  if (task.kind !== "work") return;
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

/** Keeps all of it up to date from the stream, until the returned function is called. After a lost connection everything is asked for again. */
export function followTasks(queries: QueryClient): () => void {
  let lost = false;
  const stopKeeping = queries.getQueryCache().subscribe(({ type, query }) => {
    if (type === "updated" && query.queryKey[0] === "tasks" && isWhole(query.queryKey[1] as Wanted) && query.state.status === "success")
      keep(queries);
  });
  const stopListening = live().listen((message) => {
    if (message.type === "changed") {
      const task = TaskSummary.safeParse(message.task);
      if (task.success) takeTask(queries, task.data);
    }
    if (message.type === "refused" && message.task === null && message.status === 401) void queries.invalidateQueries({ queryKey: ["me"] });
    if (message.type !== "connection") return;
    if (lost && message.state === "open") void queries.invalidateQueries();
    lost = message.state === "lost";
  });
  live().say({ type: "watch-list" });
  return () => {
    stopKeeping();
    stopListening();
  };
}
