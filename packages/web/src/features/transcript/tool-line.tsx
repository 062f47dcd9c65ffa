import { subjectInWords, type ToolItem, type ToolSubject } from "@farhand/protocol";
import { useState } from "react";
import { visibleLine, visibleText } from "../../lib/visible-text.ts";

/** A look at files: one quiet line that folds open to what the agent was shown. */
export function ToolLine({ item, subject }: { item: ToolItem; subject: Extract<ToolSubject, { kind: "read" | "search" }> }) {
  const [open, setOpen] = useState(false);
  const words = visibleLine(subjectInWords(subject));
  return (
    <div data-call={item.call}>
      <button
        type="button"
        aria-expanded={open}
        disabled={item.result === null}
        onClick={() => setOpen(!open)}
        className="flex w-full items-center gap-2.5 rounded-md px-3 py-0.5 text-left text-[12.5px] text-ink-2 -outline-offset-2 enabled:hover:text-ink"
      >
        <span aria-hidden="true" className="font-mono text-ink-3">
          •
        </span>
        <span className="min-w-0 flex-1 truncate font-mono">
          <bdi>{words}</bdi>
        </span>
        <span className="shrink-0 text-[12px] text-ink-3">
          {item.state === "running" ? "running" : item.state === "cut-off" ? "cut off" : ""}
        </span>
        <span aria-hidden="true" className="w-2 text-ink-3">
          {item.result === null ? "" : open ? "⌄" : "›"}
        </span>
      </button>
      {open && item.result !== null ? (
        <pre
          tabIndex={0}
          role="region"
          aria-label={`Result of ${words}`}
          className="mt-1 max-h-96 overflow-auto rounded-[10px] border border-line bg-sunk px-3 py-2 text-[12px] leading-[1.55] text-ink-2 -outline-offset-2"
        >
          {visibleText(item.result)}
        </pre>
      ) : null}
    </div>
  );
}
