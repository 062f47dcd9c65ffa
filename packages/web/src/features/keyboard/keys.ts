import { useEffect, useRef } from "react";

/** What a key does. Two letters mean: one after the other. `null` = not now. */
export type Keys = Record<string, (() => void) | null>;

const PAIR_MS = 1_000;

/** Listens while mounted. Typing in a field is typing, until Esc leaves it; keys with Ctrl, Alt or Meta are the browser's. */
export function useKeys(keys: Keys): void {
  const current = useRef(keys);
  current.current = keys;
  useEffect(() => {
    let first = "";
    let firstAt = 0;
    const press = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey) return;
      if (isTyping(event)) {
        if (event.key === "Escape" && event.target instanceof HTMLElement && !isDialogOpen()) event.target.blur();
        return;
      }
      const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
      const pair = event.timeStamp - firstAt < PAIR_MS ? `${first} ${key}` : "";
      const deed = current.current[pair] ?? current.current[key];
      first = key;
      firstAt = event.timeStamp;
      if (!deed) return;
      event.preventDefault();
      first = "";
      deed();
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, []);
}

function isDialogOpen(): boolean {
  return document.querySelector("dialog[open]") !== null;
}

function isTyping(event: KeyboardEvent): boolean {
  const { target } = event;
  if (isDialogOpen()) return true;
  if (!(target instanceof HTMLElement)) return false;
  return (
    target.isContentEditable ||
    target instanceof HTMLInputElement ||
    target instanceof HTMLTextAreaElement ||
    target instanceof HTMLSelectElement
  );
}
