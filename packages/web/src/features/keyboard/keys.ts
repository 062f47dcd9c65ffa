import { useEffect, useRef } from "react";

/** What a key does. Two letters mean: one after the other. `null` = not now. */
export type Keys = Record<string, (() => void) | null>;

const PAIR_MS = 1_000;

const mounted = new Set<{ current: Keys }>();
let first = "";
let firstAt = 0;

/**
 * Listens while mounted. Of all that listen, whoever knows two keys in a row is asked before whoever knows the second alone. Typing in a field is typing,
 * until Esc leaves it; keys with Ctrl, Alt or Meta are the browser's.
 */
export function useKeys(keys: Keys): void {
  const current = useRef(keys);
  current.current = keys;
  useEffect(() => {
    if (mounted.size === 0) document.addEventListener("keydown", press);
    mounted.add(current);
    return () => {
      mounted.delete(current);
      if (mounted.size === 0) document.removeEventListener("keydown", press);
    };
  }, []);
}

function press(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey) return;
  if (isTyping(event)) {
    if (event.key === "Escape" && event.target instanceof HTMLElement && !isDialogOpen()) event.target.blur();
    return;
  }
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const deed = (event.timeStamp - firstAt < PAIR_MS && deedOf(`${first} ${key}`)) || deedOf(key);
  first = deed ? "" : key;
  firstAt = event.timeStamp;
  if (!deed) return;
  event.preventDefault();
  deed();
}

function deedOf(keys: string): (() => void) | null {
  for (const { current } of mounted) {
    const deed = current[keys];
    if (deed) return deed;
  }
  return null;
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
