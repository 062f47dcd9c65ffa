import { emptyTranscript, reduce, type TranscriptView, takeWriting } from "@farhand/protocol";
import { useEffect, useState, useSyncExternalStore } from "react";
import { live } from "../../lib/live/live.ts";
import { type StepView, takeStep } from "./steps.ts";

/** What a task's events have made so far. `view` changes in place; `version` grows with every change that is to be drawn. */
export type TaskLog = { view: TranscriptView; steps: StepView[]; version: number; refused: { status: number; detail: string } | null };

type Store = { subscribe(listener: () => void): () => void; current(): TaskLog };

/** The task's log: loaded, followed, and reduced by the reducer that every surface uses. */
export function useTaskLog(task: string): TaskLog {
  const [store, setStore] = useState(() => storeOf(task));
  useEffect(() => setStore(storeOf(task)), [task]);
  return useSyncExternalStore(store.subscribe, store.current);
}

const MOST_KEPT = 6;
const kept = new Map<string, Store>();

/** Tasks looked at lately are kept, so going back to one shows it at once and asks only for what is new. */
function storeOf(task: string): Store {
  const known = kept.get(task);
  const store = known ?? makeStore(task);
  kept.delete(task);
  kept.set(task, store);
  for (const oldest of kept.keys()) {
    if (kept.size <= MOST_KEPT) break;
    kept.delete(oldest);
  }
  return store;
}

function makeStore(task: string): Store {
  const listeners = new Set<() => void>();
  let log: TaskLog = { view: emptyTranscript(), steps: [], version: 0, refused: null };
  let stop: (() => void) | null = null;
  let drawing = false;
  const changed = () => {
    if (drawing) return;
    drawing = true;
    const draw = () => {
      drawing = false;
      log = { ...log, version: log.version + 1 };
      for (const listener of listeners) listener();
    };
    if (document.visibilityState === "visible") requestAnimationFrame(draw);
    else setTimeout(draw, 250); // frames do not come to a tab in the background
  };
  const start = () => {
    const stopListening = live().listen((message) => {
      if (message.type === "events" && message.task === task) {
        for (const event of message.events) {
          if (event.seq <= log.view.lastSeq) continue;
          reduce(log.view, event);
          takeStep(log.steps, event);
        }
        changed();
      }
      if (message.type === "writing" && message.task === task) {
        takeWriting(log.view, message.writing);
        changed();
      }
      if (message.type === "refused" && message.task === task) {
        log = { ...log, refused: { status: message.status, detail: message.detail } };
        changed();
      }
    });
    live().say({ type: "watch-task", task, after: log.view.lastSeq });
    stop = () => {
      stopListening();
      live().say({ type: "leave-task", task });
    };
  };
  return {
    subscribe(listener) {
      if (listeners.size === 0) start();
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
        if (listeners.size > 0) return;
        stop?.();
        stop = null;
      };
    },
    current: () => log,
  };
}
