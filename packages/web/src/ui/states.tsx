import type { ReactNode } from "react";
import { sentenceOf } from "../lib/words.ts";
import { Button } from "./button.tsx";

/** Nothing there: what this place is, and the one thing to do. */
export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="mx-auto max-w-md px-6 py-12 text-center text-ink-2">
      <p className="font-[550] text-ink">{title}</p>
      <div className="mt-1">{children}</div>
    </div>
  );
}

/** Something broke: what, why, and what now; `children` is a way out. */
export function Broken({ what, error, onRetry, children }: { what: string; error: unknown; onRetry?: () => void; children?: ReactNode }) {
  return (
    <div role="alert" className="mx-auto max-w-md px-6 py-12 text-center">
      <p className="font-[550]">{what}</p>
      <p className="mt-1 break-words text-ink-2">{sentenceOf(error)}</p>
      {onRetry ? (
        <Button className="mt-4" onClick={onRetry}>
          Try again
        </Button>
      ) : null}
      {children ? <p className="mt-4">{children}</p> : null}
    </div>
  );
}

/** Lines in the shape of what comes; they appear after 200 ms. */
export function Loading({ label, lines = 4 }: { label: string; lines?: number }) {
  return (
    <div role="status" className="late space-y-3 p-4">
      <span className="sr-only">{label}</span>
      {Array.from({ length: lines }, (_, line) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the lines are all alike and never move
        <div key={line} className={`h-4 rounded bg-line ${WIDTHS[line % WIDTHS.length]}`} />
      ))}
    </div>
  );
}

const WIDTHS = ["w-3/4", "w-full", "w-5/6", "w-2/3"];

/** A fault beside what caused it. */
export function Fault({ error }: { error: unknown }) {
  if (error === null || error === undefined) return null;
  return (
    <p role="alert" className="rounded-lg bg-bad-soft px-3 py-2 break-words text-bad">
      {sentenceOf(error)}
    </p>
  );
}
