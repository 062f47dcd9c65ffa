import type { TaskStatus } from "@farhand/protocol";
import type { ReactNode } from "react";

/** The project's sign. */
export function Sign({ className = "size-5" }: { className?: string }) {
  return (
    <svg
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      strokeWidth="2"
      strokeLinecap="round"
      className={`text-accent ${className}`}
      aria-hidden="true"
    >
      <path d="M3 17c4-1 5-9 9-9s3 6 9 5" />
      <circle cx="21" cy="13" r="1.4" fill="currentColor" stroke="none" />
      <circle cx="3" cy="17" r="1.4" fill="currentColor" stroke="none" />
    </svg>
  );
}

/** The state of a task as a dot; its words must stand beside it. */
export function Dot({ status }: { status: TaskStatus }) {
  return <span aria-hidden="true" className={`size-2.5 shrink-0 justify-self-center rounded-full border-2 ${DOT[status]}`} />;
}

const DOT: Record<TaskStatus, string> = {
  running: "turning border-run border-r-transparent",
  waiting: "border-ink-3",
  "needs-you": "border-warn bg-warn",
  ready: "border-good bg-good",
  answered: "border-good bg-good",
  published: "border-accent bg-accent",
  open: "border-accent bg-accent",
  merged: "border-accent bg-accent",
  closed: "border-ink-3 bg-ink-3",
  failed: "border-bad bg-bad",
  cancelled: "border-ink-3 bg-ink-3",
};

/** A state in words on its colour. */
export function StatusChip({ status, children }: { status: TaskStatus; children: ReactNode }) {
  const [look, sign] = CHIP[status];
  return (
    <span className={`inline-flex min-w-0 items-baseline gap-1.5 rounded-2xl px-2.5 py-[3px] text-[12.5px] font-[550] ${look}`}>
      <span aria-hidden="true">{sign}</span>
      <span className="min-w-0 break-words first-letter:uppercase">{children}</span>
    </span>
  );
}

const CHIP: Record<TaskStatus, [string, string]> = {
  running: ["bg-run-soft text-run", "●"],
  waiting: ["bg-sunk text-ink-2", "○"],
  "needs-you": ["bg-warn-soft text-warn", "!"],
  ready: ["bg-good-soft text-good", "✓"],
  answered: ["bg-good-soft text-good", "✓"],
  published: ["bg-accent-soft text-accent", "↑"],
  open: ["bg-accent-soft text-accent", "↑"],
  merged: ["bg-good-soft text-good", "✓"],
  closed: ["bg-sunk text-ink-2", "×"],
  failed: ["bg-bad-soft text-bad", "×"],
  cancelled: ["bg-sunk text-ink-2", "×"],
};

/** Lines added and removed. */
export function ChangeSize({ added, removed }: { added: number; removed: number }) {
  return (
    <span className="font-mono text-[11.5px] whitespace-nowrap">
      <span className="sr-only">{`${added} lines added, ${removed} removed`}</span>
      <span aria-hidden="true">
        {added > 0 || removed === 0 ? <span className="text-good">+{added}</span> : null}
        {removed > 0 ? <span className="ml-1.5 text-bad">−{removed}</span> : null}
      </span>
    </span>
  );
}

const keyLook = "rounded border border-current px-1.5 py-0.5 text-[11px] leading-none";

/** The key that does what the button around it says; a phone has none. */
export function Key({ children }: { children: string }) {
  return <kbd className={`max-md:hidden ${keyLook}`}>{children}</kbd>;
}

/** A key that is spoken of. */
export function NamedKey({ children }: { children: string }) {
  return <kbd className={keyLook}>{children}</kbd>;
}
