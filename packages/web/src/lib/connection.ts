import { useSyncExternalStore } from "react";
import { live } from "./live/live.ts";

let lost = false;
const listeners = new Set<() => void>();
let listening = false;

function subscribe(listener: () => void): () => void {
  if (!listening) {
    listening = true;
    live().listen((message) => {
      if (message.type !== "connection") return;
      lost = message.state === "lost";
      for (const one of listeners) one();
    });
  }
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

/** Whether the stream of events is broken at the moment. */
export function useIsConnectionLost(): boolean {
  return useSyncExternalStore(subscribe, () => lost);
}
