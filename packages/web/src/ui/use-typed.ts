import { useState } from "react";

/**
 * What somebody types, while `value` is what can be read of it: text that cannot be read (yet) stays as it is, and a value that changes elsewhere takes
 * its place. `read` answers undefined for what is no value.
 */
export function useTyped<Value, Typed>(
  value: Value,
  { show, read, onChange }: { show: (value: Value) => Typed; read: (typed: Typed) => Value | undefined; onChange: (value: Value) => void },
): [Typed, (typed: Typed) => void] {
  const now = JSON.stringify(value);
  const [{ typed, of }, setState] = useState(() => ({ typed: show(value), of: now }));
  if (of !== now) setState({ typed: show(value), of: now });
  return [
    of === now ? typed : show(value),
    (next) => {
      const found = read(next);
      setState({ typed: next, of: found === undefined ? now : JSON.stringify(found) });
      if (found !== undefined) onChange(found);
    },
  ];
}
