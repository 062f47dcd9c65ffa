import { useQuery } from "@tanstack/react-query";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useMemo, useRef, useState } from "react";
import { z } from "zod";
import { readStored, writeStored } from "../../lib/stored.ts";
import { visibleLine, visibleText } from "../../lib/visible-text.ts";
import { plural } from "../../lib/words.ts";
import { Button } from "../../ui/button.tsx";
import { CopyButton } from "../../ui/copy.tsx";
import { ChangeSize } from "../../ui/marks.tsx";
import { Broken, Empty, Loading } from "../../ui/states.tsx";
import type { Coloured } from "./colours.ts";
import { CommentBar } from "./comment-bar.tsx";
import type { DiffFile, DiffLine } from "./parse-patch.ts";
import { type Patch, patchQuery } from "./patch.ts";
import { applyCommand } from "./patch-command.ts";
import { diffRows, type Place, type Row, rowOf } from "./rows.ts";
import { useColours } from "./use-colours.ts";

const LARGE_FILE_LINES = 1_500;
const MOST_OPEN_LINES = 8_000;

/** A file to show, as somebody else names it, and a line of it as it is now; null = its beginning. `times` tells one wish from the next. */
export type GoTo = { path: string; line: number | null; times: number };

type DiffPaneProps = {
  task: string;
  turn: number;
  attempt: number;
  /** Names what is stored of the change; null = nothing is known to be. */
  stored: string | null;
  ready: boolean;
  works: boolean;
  /** What a change of no files is to be called. */
  unchanged: string;
  goTo: GoTo | null;
  /** Takes a comment on a line along into the next message; null = there can be none. */
  onComment: ((comment: LineComment) => void) | null;
};
export type LineComment = { path: string; line: number; side: "old" | "new"; code: string; text: string };
/** The line that a comment is being written on. */
type Noted = Omit<LineComment, "text">;

/** The change of an attempt; `ready` once it has one. */
export function DiffPane({ task, turn, attempt, stored, ready, works, unchanged, goTo, onComment }: DiffPaneProps) {
  const patch = useQuery({ ...patchQuery(task, attempt, turn, stored), enabled: ready && stored !== null });
  if (!ready && works) return <Empty title="No change yet">The diff stands here when the agent has finished.</Empty>;
  if (!ready) return <Empty title="No change">This task left no diff.</Empty>;
  if (patch.isLoadingError) return <Broken what="The diff could not be loaded" error={patch.error} onRetry={() => void patch.refetch()} />;
  if (!patch.data) return <Loading label="Loading the diff" lines={8} />;
  if (patch.data.files.length === 0) return <Empty title="Nothing was changed">{unchanged}</Empty>;
  return <Diff key={`${turn}.${attempt}`} patch={patch.data} goTo={goTo} onComment={onComment} />;
}

function Diff({ patch, goTo, onComment }: { patch: Patch } & Pick<DiffPaneProps, "goTo" | "onComment">) {
  const [noted, setNoted] = useState<Noted | null>(null);
  const onNote = onComment === null ? null : setNoted;
  const { files } = patch;
  const [split, setSplit] = useState(() => readStored("split", z.boolean()) ?? false);
  const [open, setOpen] = useState<ReadonlySet<number>>(() => openAtFirst(files));
  const rows = useMemo(() => diffRows(files, (file) => open.has(file), split), [files, open, split]);
  const colours = useColours(files, open);
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: (at) => (rows[at]?.kind === "file" ? 38 : 20) + (rows[at]?.last ? 12 : 0),
    getItemKey: (at) => rows[at]?.key ?? at,
    overscan: 20,
  });
  const wanted = goTo === null ? -1 : files.findIndex(({ path }) => goTo.path === path || goTo.path.endsWith(`/${path}`));
  const wish = wanted < 0 ? null : goTo;
  const [met, setMet] = useState<GoTo | null>(null);
  useEffect(() => {
    if (wish === null || wish === met) return;
    if (!open.has(wanted)) return setOpen((before) => new Set(before).add(wanted)); // its lines have rows the next time
    virtual.scrollToIndex(rowOf(rows, wanted, wish.line), { align: wish.line === null ? "start" : "center" });
    setMet(wish);
  }, [wish, met, wanted, open, rows, virtual]);
  const toggle = (file: number) =>
    setOpen((before) => {
      const after = new Set(before);
      if (!after.delete(file)) after.add(file);
      return after;
    });
  return (
    <>
      <div className="flex flex-wrap items-center gap-2 border-b border-line px-3.5 py-2 text-[13px] text-ink-2">
        <span>{plural(files.length, "file")}</span>
        <span className="ml-auto" />
        <Button
          small
          kind="quiet"
          aria-pressed={split}
          onClick={() => {
            setSplit(!split);
            writeStored("split", !split);
          }}
        >
          {split ? "Unified" : "Split"}
        </Button>
        <CopyButton small text={() => applyCommand(patch.bytes)}>
          Copy git apply
        </CopyButton>
      </div>
      <div
        ref={scroller}
        tabIndex={0}
        role="region"
        aria-label="Diff"
        data-diff
        className="min-h-0 flex-1 overflow-y-auto px-3.5 py-3 -outline-offset-2"
      >
        <div className="relative w-full" style={{ height: virtual.getTotalSize() }}>
          {virtual.getVirtualItems().map((at) => {
            const row = rows[at.index];
            return (
              <div
                key={at.key}
                ref={virtual.measureElement}
                data-index={at.index}
                className={`absolute top-0 left-0 w-full ${row?.last ? "pb-3" : ""}`}
                style={{ transform: `translateY(${at.start}px)` }}
              >
                {row ? <RowView row={row} files={files} open={open} toggle={toggle} colours={colours} onNote={onNote} /> : null}
              </div>
            );
          })}
        </div>
      </div>
      {noted && onComment ? (
        <CommentBar
          noted={noted}
          onAdd={(text) => {
            onComment({ ...noted, text });
            setNoted(null);
          }}
          onLeave={() => setNoted(null)}
        />
      ) : null}
    </>
  );
}

/** Large files begin closed, and so does what comes after many open lines. */
function openAtFirst(files: readonly DiffFile[]): Set<number> {
  const open = new Set<number>();
  let lines = 0;
  for (const [number, file] of files.entries()) {
    const size = file.added + file.removed;
    if (size > LARGE_FILE_LINES && files.length > 1) continue;
    lines += size;
    if (lines > MOST_OPEN_LINES) break;
    open.add(number);
  }
  return open;
}

type RowProps = {
  row: Row;
  files: readonly DiffFile[];
  open: ReadonlySet<number>;
  toggle: (file: number) => void;
  colours: (place: Place) => Coloured[] | undefined;
  onNote: ((noted: Noted) => void) | null;
};

function RowView({ row, files, open, toggle, colours, onNote }: RowProps) {
  const note = (place: Place, line: DiffLine) => {
    if (onNote === null) return null;
    const side = line.kind === "removed" ? "old" : "new";
    return () => onNote({ path: files[place.file]?.path ?? "", line: line[side] ?? 0, side, code: line.text });
  };
  const frame = `border-x border-line ${row.last ? "overflow-hidden rounded-b-[10px] border-b" : ""}`;
  switch (row.kind) {
    case "file": {
      const file = files[row.file];
      return file ? <FileHead file={file} open={open.has(row.file)} alone={row.last} onToggle={() => toggle(row.file)} /> : null;
    }
    case "note":
      return <p className={`${frame} bg-panel px-3 py-1 text-[12px] break-words text-ink-3`}>{visibleLine(row.text)}</p>;
    case "hunk":
      return <p className={`${frame} truncate bg-sunk px-3 py-0.5 font-mono text-[11.5px] text-ink-3`}>⋯ {visibleLine(row.title)}</p>;
    case "line":
      return (
        <div className={frame}>
          <LineRow line={row.line} pieces={colours(row.place)} onNote={note(row.place, row.line)} />
        </div>
      );
    case "pair":
      return (
        <div className={`${frame} grid grid-cols-2`}>
          <Half
            side={row.left}
            number="old"
            pieces={row.left ? colours(row.left.place) : undefined}
            onNote={row.left?.line.kind === "removed" ? note(row.left.place, row.left.line) : null}
          />
          <Half
            side={row.right}
            number="new"
            pieces={row.right ? colours(row.right.place) : undefined}
            onNote={row.right ? note(row.right.place, row.right.line) : null}
          />
        </div>
      );
    default:
      return row satisfies never;
  }
}

function FileHead({ file, open, alone, onToggle }: { file: DiffFile; open: boolean; alone: boolean; onToggle: () => void }) {
  const size = file.added + file.removed;
  return (
    <h3>
      <button
        type="button"
        aria-expanded={open}
        onClick={onToggle}
        className={`flex w-full items-center gap-2 border border-line bg-sunk px-3 py-[7px] text-left text-[12.5px] -outline-offset-2 ${alone ? "rounded-[10px]" : "rounded-t-[10px]"}`}
      >
        <span className="min-w-0 truncate font-mono">
          <bdi>{visibleLine(file.path)}</bdi>
        </span>
        <span className="shrink-0 text-[12px] text-ink-3">
          {file.change === "changed" ? "" : file.change}
          {!open && size > LARGE_FILE_LINES ? " large file: open it" : ""}
        </span>
        <span className="ml-auto shrink-0">
          <ChangeSize added={file.added} removed={file.removed} />
        </span>
        <span aria-hidden="true" className="w-2 text-ink-3">
          {open ? "⌄" : "›"}
        </span>
      </button>
    </h3>
  );
}

const LINE_LOOK = { same: "bg-panel", added: "bg-good-soft", removed: "bg-bad-soft" };
const SIGN_LOOK = { same: "", added: "text-good", removed: "text-bad" };
const SIGN = { same: " ", added: "+", removed: "−" };
const numberLook = "shrink-0 pr-2 text-right text-ink-3 select-none";

type LineRowProps = { line: DiffLine; pieces: Coloured[] | undefined; onNote: (() => void) | null };

function LineRow({ line, pieces, onNote }: LineRowProps) {
  return (
    <div className={`grid grid-cols-[38px_38px_16px_minmax(0,1fr)] font-mono text-[12px] leading-[1.65] ${LINE_LOOK[line.kind]}`}>
      <span className={numberLook}>{line.old ?? ""}</span>
      <LineNumber line={line} shown={line.new ?? (onNote ? "·" : "")} onNote={onNote} />
      <span className={SIGN_LOOK[line.kind]}>{SIGN[line.kind]}</span>
      <Code text={line.text} pieces={pieces} />
    </div>
  );
}

/** A button where a comment can be written on the line. */
function LineNumber({ line, shown, onNote }: { line: DiffLine; shown: number | string; onNote: (() => void) | null }) {
  if (onNote === null) return <span className={numberLook}>{shown}</span>;
  return (
    <button
      type="button"
      aria-label={`Comment on line ${line.new ?? line.old}`}
      title="Comment on this line"
      onClick={onNote}
      className={`${numberLook} flex justify-end -outline-offset-2 hover:bg-accent-soft hover:text-accent`}
    >
      {shown}
    </button>
  );
}

type HalfProps = {
  side: { line: DiffLine } | null;
  number: "old" | "new";
  pieces: Coloured[] | undefined;
  onNote: (() => void) | null;
};

function Half({ side, number, pieces, onNote }: HalfProps) {
  if (!side) return <div className="bg-sunk" />;
  const { line } = side;
  return (
    <div className={`grid grid-cols-[38px_16px_minmax(0,1fr)] font-mono text-[12px] leading-[1.65] ${LINE_LOOK[line.kind]}`}>
      <LineNumber line={line} shown={line[number] ?? ""} onNote={onNote} />
      <span className={SIGN_LOOK[line.kind]}>{SIGN[line.kind]}</span>
      <Code text={line.text} pieces={pieces} />
    </div>
  );
}

function Code({ text, pieces }: { text: string; pieces: Coloured[] | undefined }) {
  return (
    <span className="pr-2 wrap-anywhere whitespace-pre-wrap">
      {pieces
        ? pieces.map((piece, at) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: the pieces of a line have no other name
            <span key={at} className={piece.style || undefined}>
              {visibleText(piece.text)}
            </span>
          ))
        : visibleText(text)}
      {text === "" ? "\u00a0" : ""}
    </span>
  );
}
