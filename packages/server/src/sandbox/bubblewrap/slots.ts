/** At most `count` holders at a time, first come, first served. */
export function slots(count: number): { take(signal: AbortSignal): Promise<Disposable> } {
  let free = count;
  const waiting: (() => void)[] = [];
  const release = () => {
    const next = waiting.shift();
    if (next) next();
    else free++;
  };
  return {
    async take(signal) {
      signal.throwIfAborted();
      if (free > 0) free--;
      else {
        const turn = Promise.withResolvers<void>();
        waiting.push(turn.resolve);
        const leave = () => {
          const index = waiting.indexOf(turn.resolve);
          if (index >= 0) turn.reject(waiting.splice(index, 1) && signal.reason);
        };
        signal.addEventListener("abort", leave, { once: true });
        await turn.promise.finally(() => signal.removeEventListener("abort", leave));
      }
      return { [Symbol.dispose]: release };
    },
  };
}
