import { type CommandItem, exitInWords, subjectInWords, type ToolItem } from "@farhand/protocol";
import { memo, useLayoutEffect, useRef, useState } from "react";
import type { Line } from "../../lib/ansi.ts";
import { useNow } from "../../lib/use-now.ts";
import { visibleText } from "../../lib/visible-text.ts";
import { bytesInWords, duration, plural } from "../../lib/words.ts";
import { LineView } from "./line-view.tsx";
import { outputLines } from "./output.ts";

const MOST_LINES = 200;
const NEAR_END_PX = 24;

/** A command or another tool's call: its end, its time, and its output, which is open when it failed, or was seen at work. */
export const Command = memo(function Command({ item, task }: { item: CommandItem | ToolItem; task: string }) {
  const bad = item.state === "done" && (item.isError || (item.exit !== null && !(item.exit.kind === "exited" && item.exit.code === 0)));
  const [chosen, setChosen] = useState<boolean | null>(null);
  const [seenAtWork] = useState(item.state === "running"); // what somebody is reading does not fold under their eyes
  const open = chosen ?? (seenAtWork || item.state === "running" || bad);
  const lines = outputLines(item.output);
  const name = visibleText(nameOf(item));
  const first = name.split("\n")[0] ?? "";
  return (
    <div className="overflow-hidden rounded-[10px] border border-line bg-panel" data-call={item.call}>
      <button
        type="button"
        aria-expanded={open}
        onClick={() => setChosen(!open)}
        className="flex w-full items-center gap-2.5 px-3 py-1.5 text-left text-[12.5px] -outline-offset-2"
      >
        <span aria-hidden="true" className="font-mono text-ink-3">
          {item.kind === "command" ? "$" : "•"}
        </span>
        <span className="min-w-0 flex-1 truncate font-mono">
          {first}
          {name.includes("\n") ? <span className="text-ink-3"> … {plural(name.split("\n").length, "line")}</span> : null}
        </span>
        <CommandEnd item={item} bad={bad} />
        <span aria-hidden="true" className="w-2 text-ink-3">
          {open ? "⌄" : "›"}
        </span>
      </button>
      {open ? (
        <>
          {name.includes("\n") ? (
            <pre className="wrap-anywhere whitespace-pre-wrap border-t border-line px-3 py-2 text-[12px] leading-[1.55]">{name}</pre>
          ) : null}
          {lines.length > MOST_LINES ? (
            <p className="border-t border-line bg-sunk px-3 pt-2 text-[12px] text-ink-3">
              {plural(lines.length - MOST_LINES, "earlier line")}: see Terminal
            </p>
          ) : null}
          {lines.length > 0 ? <Output of={first} lines={lines.slice(-MOST_LINES)} fromEnd={seenAtWork || bad} /> : <NoOutput item={item} />}
          {item.stored ? (
            <p className="border-t border-line bg-sunk px-3 py-1.5 text-[12px]">
              <a
                className="text-accent underline underline-offset-2"
                href={`/api/v1/tasks/${encodeURIComponent(task)}/outputs/${encodeURIComponent(item.stored.blob)}`}
                download={`output-${item.seq}.txt`}
              >
                Download the whole output
              </a>{" "}
              <span className="text-ink-3">
                {bytesInWords(item.stored.bytes)}
                {item.stored.truncated ? ", cut off at its limit" : ""}
              </span>
            </p>
          ) : null}
        </>
      ) : null}
    </div>
  );
});

/** `fromEnd`: begins where a command says what became of it, and follows it there unless the reader has scrolled up. */
function Output({ of, lines, fromEnd }: { of: string; lines: readonly Line[]; fromEnd: boolean }) {
  const scroller = useRef<HTMLPreElement>(null);
  const following = useRef(fromEnd);
  useLayoutEffect(() => {
    const element = scroller.current;
    if (element && following.current) element.scrollTop = element.scrollHeight;
  });
  return (
    <pre
      ref={scroller}
      onScroll={({ currentTarget: { scrollHeight, scrollTop, clientHeight } }) => {
        following.current = scrollHeight - scrollTop - clientHeight < NEAR_END_PX;
      }}
      tabIndex={0}
      role="region"
      aria-label={`Output of ${of}`}
      className="max-h-96 overflow-auto border-t border-line bg-sunk px-3 py-2 text-[12px] leading-[1.55] text-ink-2 -outline-offset-2"
    >
      {lines.map((line, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: lines have no other name
        <LineView key={at} line={line} />
      ))}
    </pre>
  );
}

function nameOf(item: CommandItem | ToolItem): string {
  if (item.kind === "command") return item.command.trimEnd();
  return item.subject.kind === "other" ? item.tool : subjectInWords(item.subject);
}

function NoOutput({ item }: { item: CommandItem | ToolItem }) {
  const text =
    item.kind === "tool" && item.result !== null ? visibleText(item.result) : item.state === "running" ? "No output yet" : "No output";
  return <pre className="overflow-x-auto border-t border-line bg-sunk px-3 py-2 text-[12px] whitespace-pre-wrap text-ink-3">{text}</pre>;
}

function CommandEnd({ item, bad }: { item: CommandItem | ToolItem; bad: boolean }) {
  const running = item.state === "running";
  const now = useNow(1_000, running);
  const look = running
    ? "bg-run-soft text-run"
    : item.state === "cut-off" || item.exit?.kind === "cancelled"
      ? "bg-warn-soft text-warn"
      : bad
        ? "bg-bad-soft text-bad"
        : "bg-good-soft text-good";
  const text = running
    ? "running"
    : item.state === "cut-off"
      ? "cut off"
      : item.exit
        ? exitInWords(item.exit)
        : item.isError
          ? "failed"
          : item.kind === "command" || item.subject.kind === "process"
            ? "in the background"
            : "done";
  return (
    <>
      <span className={`shrink-0 rounded-full px-2 py-px text-[11.5px] ${look}`}>{text}</span>
      <span className="shrink-0 font-mono text-[12px] text-ink-3">
        {item.durationMs !== null ? duration(item.durationMs) : running ? duration(Math.max(0, now - Date.parse(item.at))) : ""}
      </span>
    </>
  );
}
