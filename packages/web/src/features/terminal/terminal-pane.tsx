import type { AttemptView } from "@farhand/protocol";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useMemo, useRef, useState } from "react";
import type { Line } from "../../lib/ansi.ts";
import { visibleLine } from "../../lib/visible-text.ts";
import { plural } from "../../lib/words.ts";
import { Button } from "../../ui/button.tsx";
import { Empty } from "../../ui/states.tsx";
import { LineView } from "../transcript/line-view.tsx";
import { outputLines } from "../transcript/output.ts";

const LINE_PX = 19;

/** All commands and their output in one piece, searchable. `version` changes whenever there is more. */
export function TerminalPane({ attempt, version }: { attempt: AttemptView | undefined; version: number }) {
  const lines = useMemo(() => terminalLines(attempt, version), [attempt, version]);
  const [words, setWords] = useState("");
  const [at, setAt] = useState(0);
  const found = useMemo(() => find(lines, words), [lines, words]);
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: lines.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => LINE_PX,
    overscan: 30,
  });
  const show = (hits: readonly number[], hit: number) => {
    setAt(hit);
    const line = hits[hit];
    if (line !== undefined) virtual.scrollToIndex(line, { align: "center" });
  };
  const go = (by: number) => show(found, (at + by + found.length) % found.length);
  if (lines.length === 0) return <Empty title="No commands yet">What the agent runs, and all that it prints, stands here.</Empty>;
  const here = found[at];
  return (
    <>
      <form
        className="flex items-center gap-2 border-b border-line px-3.5 py-2 text-[13px]"
        onSubmit={(event) => {
          event.preventDefault();
          go(1);
        }}
      >
        <input
          type="search"
          value={words}
          onChange={(event) => {
            setWords(event.target.value);
            show(find(lines, event.target.value), 0);
          }}
          placeholder="Search the output"
          aria-label="Search the output"
          className="min-w-0 flex-1 rounded-md border border-line bg-bg px-2.5 py-1"
        />
        <span aria-live="polite" className="text-ink-3">
          {words === "" ? plural(lines.length, "line") : `${found.length === 0 ? 0 : at + 1} of ${found.length}`}
        </span>
        <Button small onClick={() => go(-1)} disabled={found.length === 0} aria-label="Previous hit">
          ↑
        </Button>
        <Button small type="submit" disabled={found.length === 0} aria-label="Next hit">
          ↓
        </Button>
      </form>
      <div
        ref={scroller}
        tabIndex={0}
        role="region"
        aria-label="Terminal"
        className="min-h-0 flex-1 overflow-auto bg-sunk px-3.5 py-2 font-mono text-[12px] -outline-offset-2"
      >
        <div className="relative min-w-full" style={{ height: virtual.getTotalSize() }}>
          {virtual.getVirtualItems().map((row) => (
            <div
              key={row.key}
              className={`absolute top-0 left-0 h-[19px] min-w-full leading-[19px] whitespace-pre ${row.index === here ? "bg-warn-soft" : ""}`}
              style={{ transform: `translateY(${row.start}px)` }}
            >
              <LineView line={lines[row.index] ?? []} />
            </div>
          ))}
        </div>
      </div>
    </>
  );
}

function terminalLines(attempt: AttemptView | undefined, version: number): Line[] {
  void version; // the attempt changes in place
  const all: Line[] = [];
  for (const item of attempt?.items ?? []) {
    if (item.kind !== "command") continue;
    const [first = "", ...more] = item.command.trimEnd().split("\n");
    all.push([{ text: `$ ${visibleLine(first)}`, style: "font-bold text-accent" }]);
    for (const line of more) all.push([{ text: `  ${visibleLine(line)}`, style: "text-accent" }]);
    for (const line of outputLines(item.output)) all.push(line);
  }
  return all;
}

function find(lines: readonly Line[], words: string): number[] {
  if (words === "") return [];
  const wanted = words.toLowerCase();
  const found: number[] = [];
  for (const [at, line] of lines.entries())
    if (
      line
        .map((span) => span.text)
        .join("")
        .toLowerCase()
        .includes(wanted)
    )
      found.push(at);
  return found;
}
