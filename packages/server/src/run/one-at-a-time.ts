const last = new Map<string, Promise<unknown>>();

/** Does what has the same key one after another within this process; `onWait` is told if there is one before. A waiter that is aborted gives up its place. */
export async function oneAtATime<T>(key: string, signal: AbortSignal, work: () => Promise<T>, onWait = () => {}): Promise<T> {
  if (last.has(key)) onWait();
  const before = last.get(key) ?? Promise.resolve();
  const mine = before.then(() => (signal.aborted ? Promise.reject(signal.reason) : work()));
  const settled = mine.then(
    () => {},
    () => {},
  );
  last.set(key, settled);
  void settled.then(() => {
    if (last.get(key) === settled) last.delete(key);
  });
  return Promise.race([mine, aborted(signal)]);
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}
