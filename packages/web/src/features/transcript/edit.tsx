import { type EditLine, editInWords, type FileEdit, type ToolItem } from "@farhand/protocol";
import { useState } from "react";
import { visibleLine, visibleText } from "../../lib/visible-text.ts";
import { plural } from "../../lib/words.ts";
import { Button } from "../../ui/button.tsx";
import { ChangeSize } from "../../ui/marks.tsx";

/** Opens the diff at a file; null = there is no diff yet. */
export type OpenFile = ((path: string) => void) | null;

const MOST_FILES = 30;
const LOOK: Record<EditLine["sign"], string> = { " ": "", "+": "bg-good-soft", "-": "bg-bad-soft" };
const SIGN_LOOK: Record<EditLine["sign"], string> = { " ": "", "+": "text-good", "-": "text-bad" };

/** The files that a call changed: each with its size, the lines as the call gives them, and the way to the diff. */
export function Edit({ item, files, onOpenFile }: { item: ToolItem; files: readonly FileEdit[]; onOpenFile: OpenFile }) {
  const note = item.state === "running" ? "running" : item.state === "cut-off" ? "cut off" : "";
  return (
    <div data-call={item.call} className="space-y-1">
      {files.slice(0, MOST_FILES).map((file, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a file may be in a patch twice
        <EditedFile key={at} file={file} note={note} onOpenFile={onOpenFile} />
      ))}
      {files.length > MOST_FILES ? (
        <p className="px-3 text-[12.5px] text-ink-3">and {plural(files.length - MOST_FILES, "more file")}</p>
      ) : null}
    </div>
  );
}

function EditedFile({ file, note, onOpenFile }: { file: FileEdit; note: string; onOpenFile: OpenFile }) {
  const [open, setOpen] = useState(false);
  const words = visibleLine(editInWords(file));
  const target = file.movedTo ?? file.path;
  return (
    <div className="overflow-hidden rounded-r-lg border-l-[3px] border-accent bg-accent-soft">
      <div className="flex items-center gap-2.5 pr-2">
        <button
          type="button"
          aria-expanded={open}
          onClick={() => setOpen(!open)}
          className="flex min-w-0 flex-1 items-center gap-2.5 px-3 py-[5px] text-left font-mono text-[12.5px] -outline-offset-2"
        >
          <span className="min-w-0 truncate">
            <bdi>{words}</bdi>
          </span>
          <span className="shrink-0">
            <ChangeSize added={file.added} removed={file.removed} />
          </span>
          {note ? <span className="shrink-0 font-sans text-[12px] text-ink-3">{note}</span> : null}
          <span aria-hidden="true" className="ml-auto w-2 text-ink-3">
            {open ? "⌄" : "›"}
          </span>
        </button>
        {onOpenFile && file.deed !== "remove" ? (
          <Button small kind="quiet" onClick={() => onOpenFile(target)} aria-label={`Show ${visibleLine(target)} in the diff`}>
            Diff
          </Button>
        ) : null}
      </div>
      {open ? <EditedLines file={file} words={words} /> : null}
    </div>
  );
}

function EditedLines({ file, words }: { file: FileEdit; words: string }) {
  if (file.lines.length === 0) return <p className="border-t border-line bg-panel px-3 py-1 text-[12px] text-ink-3">No lines to show</p>;
  const changed = file.lines.filter(({ sign }) => sign !== " ").length;
  const more = file.added + file.removed - changed;
  return (
    <div
      tabIndex={0}
      role="region"
      aria-label={`Change by ${words}`}
      className="max-h-96 overflow-auto border-t border-line bg-panel font-mono text-[12px] leading-[1.65] -outline-offset-2"
    >
      {file.lines.map(({ sign, text }, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: lines have no other name
        <div key={at} className={`grid grid-cols-[20px_minmax(0,1fr)] ${LOOK[sign]}`}>
          <span className={`text-center ${SIGN_LOOK[sign]}`}>{sign === "-" ? "−" : sign}</span>
          <span className="pr-2 wrap-anywhere whitespace-pre-wrap">{visibleText(text) || " "}</span>
        </div>
      ))}
      {more > 0 ? <p className="px-3 py-1 text-ink-3">{plural(more, "more changed line")}</p> : null}
    </div>
  );
}
