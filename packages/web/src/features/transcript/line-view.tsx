import type { Line } from "../../lib/ansi.ts";

/** A line of output with its colours. */
export function LineView({ line }: { line: Line }) {
  if (line.length === 0) return <>{"\n"}</>;
  return (
    <>
      {line.map((span, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the pieces of a line have no other name
        <span key={at} className={span.style || undefined}>
          {span.text}
        </span>
      ))}
      {"\n"}
    </>
  );
}
