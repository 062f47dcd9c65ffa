import { useEffect, useRef, useState } from "react";
import type { ColourAnswer, Coloured, ColourRequest } from "./colours.ts";
import type { DiffFile, DiffLine } from "./parse-patch.ts";
import { keyOf, type Place } from "./rows.ts";

const MOST_CHARACTERS = 400_000;

/** Colours of the lines of open files, from a worker that is loaded with the first of them. Until they come, lines have none. */
export function useColours(files: readonly DiffFile[], open: ReadonlySet<number>): (place: Place) => Coloured[] | undefined {
  const [known] = useState(() => new Map<string, Coloured[]>());
  const [, setTurn] = useState(0);
  const asked = useRef(new Set<number>());
  const worker = useRef<Worker | null>(null);

  useEffect(() => {
    asked.current = new Set();
    known.clear();
    return () => {
      worker.current?.terminate();
      worker.current = null;
      void files; // other files, other colours
    };
  }, [files, known]);

  useEffect(() => {
    for (const number of open) {
      const file = files[number];
      if (!file || asked.current.has(number)) continue;
      asked.current.add(number);
      const sides = file.hunks.flatMap((hunk) => [sideOf(hunk.lines, "added"), sideOf(hunk.lines, "removed")]);
      if (sides.reduce((sum, side) => sum + side.text.length, 0) > MOST_CHARACTERS) continue;
      worker.current ??= start((answer) => {
        take(known, files, answer);
        setTurn((turn) => turn + 1);
      });
      worker.current.postMessage({ id: number, path: file.path, texts: sides.map((side) => side.text) } satisfies ColourRequest);
    }
  }, [files, open, known]);

  return (place) => known.get(keyOf(place));
}

function start(onAnswer: (answer: ColourAnswer) => void): Worker {
  const worker = new Worker(new URL("./colour.worker.ts", import.meta.url), { type: "module" });
  worker.onmessage = (event: MessageEvent<ColourAnswer>) => onAnswer(event.data);
  return worker;
}

/** The new side has the lines that stay as well; the old side takes its context from there too. */
function sideOf(lines: readonly DiffLine[], changed: "added" | "removed"): { text: string; at: number[] } {
  const at = [...lines.keys()].filter((one) => lines[one]?.kind === "same" || lines[one]?.kind === changed);
  return { text: at.map((one) => lines[one]?.text ?? "").join("\n"), at };
}

function take(known: Map<string, Coloured[]>, files: readonly DiffFile[], answer: ColourAnswer): void {
  const file = files[answer.id];
  if (!file) return;
  for (const [hunk, { lines }] of file.hunks.entries()) {
    for (const [side, changed] of (["added", "removed"] as const).entries()) {
      const coloured = answer.lines[hunk * 2 + side] ?? [];
      for (const [row, line] of sideOf(lines, changed).at.entries()) {
        const pieces = coloured[row];
        if (pieces && (side === 0 || lines[line]?.kind === "removed")) known.set(keyOf({ file: answer.id, hunk, line }), pieces);
      }
    }
  }
}
