import { liveHub, type Tab } from "./hub.ts";
import type { FromTab, ToTab } from "./messages.ts";

type Listener = (message: ToTab) => void;

/** This tab's way to the hub: in a worker that all tabs share, or in the tab itself where the browser has no such workers. */
export type Live = { say(message: FromTab): void; listen(listener: Listener): () => void };

let opened: Live | null = null;

/** One for the whole tab. */
export function live(): Live {
  opened ??= open();
  return opened;
}

function open(): Live {
  const listeners = new Set<Listener>();
  const hear = (message: ToTab) => {
    for (const listener of listeners) listener(message);
  };
  const say = typeof SharedWorker === "undefined" ? inThisTab(hear) : inSharedWorker(hear);
  addEventListener("pagehide", () => say({ type: "leave" }));
  addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload(); // back from the browser's memory: the hub has forgotten this tab
  });
  return {
    say,
    listen(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

function inSharedWorker(hear: Listener): (message: FromTab) => void {
  const worker = new SharedWorker(new URL("./shared.worker.ts", import.meta.url), { type: "module", name: "farhand-live" });
  worker.port.onmessage = (event: MessageEvent<ToTab>) => hear(event.data);
  return (message) => worker.port.postMessage(message);
}

function inThisTab(hear: Listener): (message: FromTab) => void {
  const hub = liveHub();
  const tab: Tab = { post: hear };
  return (message) => hub.hear(tab, message);
}
