import type { TaskEvent, Writing } from "@farhand/protocol";
import type { FromTab, ToTab } from "./messages.ts";
import { followStream } from "./stream.ts";

/** A tab as the hub sees it. `post` must not throw. */
export type Tab = { post(message: ToTab): void };

/** A browser has six connections to a host: the list takes one, and calls must get through as well. Other tasks are asked for in pages. */
const MOST_STREAMS = 3;
const PAGE_EVERY_MS = 2_000;
const BATCH_MS = 16;
const BATCH_EVENTS = 2_000;

const pathOf = (task: string) => `/tasks/${encodeURIComponent(task)}/events`;

type Watched = { stop: AbortController; streams: boolean; readers: Map<Tab, number>; events: TaskEvent[] };

/**
 * The one place of a browser that holds streams, for all its tabs: one of the list and one for each task that is watched, however many tabs watch it. What was
 * read of a task is kept while anybody watches it, so a second tab is served from memory. `hear` takes what a tab says. Events are looked at here for their
 * numbers only: the page and its service are of one version, and 50,000 of them shall open at once.
 */
export function liveHub(): { hear(tab: Tab, message: FromTab): void } {
  const listTabs = new Set<Tab>();
  const tasks = new Map<string, Watched>();
  const tabs = new Set<Tab>();
  const lost = new Set<AbortController>(); // the streams that are broken at the moment, by what stops them
  let list: { stop: AbortController; open: boolean } | null = null;

  const tell = (to: Iterable<Tab>, message: ToTab) => {
    for (const tab of to) tab.post(message);
  };
  const isLost = (stream: AbortController, detail: string) => {
    lost.add(stream);
    tell(tabs, { type: "connection", state: "lost", detail });
  };
  /** One that is open says nothing of the others. */
  const isLostNoMore = (stream: AbortController) => {
    if (lost.delete(stream) && lost.size === 0) tell(tabs, { type: "connection", state: "open", detail: "" });
  };
  const end = (stream: AbortController) => {
    stream.abort();
    isLostNoMore(stream);
  };

  function followTheList(): void {
    if (list) return;
    const stop = new AbortController();
    const here = { stop, open: false };
    list = here;
    void followStream(
      "/events",
      {
        onData: (task) => {
          tell(listTabs, { type: "changed", task });
          return true;
        },
        last: () => null,
        onOpen() {
          here.open = true;
          tell(listTabs, { type: "list-followed" });
          isLostNoMore(stop);
        },
        onLost(detail) {
          here.open = false;
          isLost(stop, detail);
        },
        onRefused(status, detail) {
          if (list === here) list = null;
          isLostNoMore(stop);
          tell(listTabs, { type: "refused", task: null, status, detail });
        },
      },
      stop.signal,
    );
  }

  function leaveTheList(): void {
    if (list) end(list.stop);
    list = null;
  }

  function watch(tab: Tab, task: string, after: number): void {
    let watched = tasks.get(task);
    if (!watched) {
      const streams = [...tasks.values()].filter((one) => one.streams).length < MOST_STREAMS;
      watched = { stop: new AbortController(), streams, readers: new Map(), events: [] };
      tasks.set(task, watched);
      if (streams) stream(task, watched);
      else void readPages(task, watched);
    }
    watched.readers.set(tab, after);
    const known = watched.events.slice(after);
    if (known.length > 0) tab.post({ type: "events", task, events: known });
  }

  function leave(tab: Tab, task: string): void {
    const watched = tasks.get(task);
    if (!watched?.readers.delete(tab) || watched.readers.size > 0) return;
    end(watched.stop);
    tasks.delete(task);
  }

  function pass(task: string, watched: Watched, events: TaskEvent[]): void {
    watched.events.push(...events);
    tell(watched.readers.keys(), { type: "events", task, events });
  }

  function refused(task: string, watched: Watched, status: number, detail: string): void {
    if (watched.stop.signal.aborted) return;
    tasks.delete(task);
    isLostNoMore(watched.stop);
    tell(watched.readers.keys(), { type: "refused", task, status, detail });
  }

  /** Events come one by one; a page that is told of each would draw 50,000 times. */
  function stream(task: string, watched: Watched): void {
    let batch: TaskEvent[] = [];
    let last = 0;
    let timer: ReturnType<typeof setTimeout> | null = null;
    const flush = () => {
      if (timer) clearTimeout(timer);
      timer = null;
      if (batch.length === 0) return;
      pass(task, watched, batch);
      batch = [];
    };
    void followStream(
      `${pathOf(task)}?writing=true`,
      {
        onData(data) {
          if (!("seq" in (data as object))) {
            flush(); // what it belongs to comes first
            tell(watched.readers.keys(), { type: "writing", task, writing: data as Writing });
            return true;
          }
          const event = data as TaskEvent;
          if (event.seq <= last) return true;
          if (event.seq !== last + 1) return false;
          last = event.seq;
          batch.push(event);
          if (batch.length >= BATCH_EVENTS) flush();
          else timer ??= setTimeout(flush, BATCH_MS);
          return true;
        },
        last: () => last,
        onOpen: () => isLostNoMore(watched.stop),
        onLost: (detail) => isLost(watched.stop, detail),
        onRefused: (status, detail) => {
          flush();
          refused(task, watched, status, detail);
        },
      },
      watched.stop.signal,
    );
  }

  async function readPages(task: string, watched: Watched): Promise<void> {
    while (!watched.stop.signal.aborted) {
      const after = watched.events.at(-1)?.seq ?? 0;
      const response = await fetch(`/api/v1${pathOf(task)}?after=${after}`, { headers: { accept: "application/json" } }).catch(() => null);
      if (watched.stop.signal.aborted) return;
      if (response && response.status >= 400 && response.status < 500 && response.status !== 429)
        return refused(task, watched, response.status, `the service answered with status ${response.status}`);
      const page = response?.ok ? ((await response.json().catch(() => null)) as { events: TaskEvent[] } | null) : null;
      if (page && page.events.length > 0) pass(task, watched, page.events);
      else await new Promise((resolve) => setTimeout(resolve, PAGE_EVERY_MS));
    }
  }

  return {
    hear(tab, message) {
      tabs.add(tab);
      switch (message.type) {
        case "watch-list":
          listTabs.add(tab);
          followTheList();
          if (list?.open) tab.post({ type: "list-followed" });
          if (lost.size > 0) tab.post({ type: "connection", state: "lost", detail: "" });
          return;
        case "watch-task":
          return watch(tab, message.task, message.after);
        case "leave-task":
          return leave(tab, message.task);
        case "signed-out":
          for (const watched of tasks.values()) end(watched.stop);
          tasks.clear();
          leaveTheList();
          tell(tabs, { type: "refused", task: null, status: 401, detail: "signed out" });
          return;
        case "leave":
          tabs.delete(tab);
          listTabs.delete(tab);
          for (const task of [...tasks.keys()]) leave(tab, task);
          if (listTabs.size === 0) leaveTheList();
          return;
        default:
          return message satisfies never;
      }
    },
  };
}
