import { type AttemptView, type Item, isFinal, type PlanStep, type TaskSummary, type TurnView, type WritingView } from "@farhand/protocol";
import { useVirtualizer } from "@tanstack/react-virtual";
import { memo, useLayoutEffect, useRef, useState } from "react";
import { visibleLine, visibleText } from "../../lib/visible-text.ts";
import { timeOfDay } from "../../lib/words.ts";
import { Button } from "../../ui/button.tsx";
import { ChangeSize } from "../../ui/marks.tsx";
import { Loading } from "../../ui/states.tsx";
import { AllowHost } from "../network/allow-host.tsx";
import type { TaskLog } from "../task-log/task-log.ts";
import { type GoBack, stepEndingAt } from "../turns/go-back.ts";
import { type Picks, rowAt, stretches, type TranscriptRow } from "../turns/shown.ts";
import { Call } from "./call.tsx";
import type { OpenFile } from "./edit.tsx";
import { Message } from "./message.tsx";
import { PromptImages } from "./prompt-images.tsx";

const NEAR_END_PX = 48;

type Props = {
  task: Pick<TaskSummary, "id" | "environment">;
  log: TaskLog;
  works: boolean;
  picks: Picks;
  onOpenFile: OpenFile;
  /** Shows the results of an earlier turn. */
  onOpenTurn: (turn: number) => void;
  /** The event of the last turn's shown attempt to go to; null = none. */
  goTo: number | null;
  goBack: GoBack;
  onWent: () => void;
};

/**
 * The conversation and the work, from the log, turn after turn. Follows the end of a task that works, unless the reader has scrolled up; else begins with
 * what was asked last.
 */
export function Transcript({ task, log, works, picks, onOpenFile, onOpenTurn, goTo, goBack, onWent }: Props) {
  const { view } = log;
  const all = stretches(view, picks);
  const last = all.at(-1);
  const count = last ? last.from + last.rows : 0;
  const scroller = useRef<HTMLDivElement>(null);
  const following = useRef(works);
  const [newBelow, setNewBelow] = useState(false);
  const rows = useVirtualizer({
    count,
    getScrollElement: () => scroller.current,
    estimateSize: (at) => sizeOf(rowAt(all, at)),
    getItemKey: (at) => rowAt(all, at)?.key ?? at,
    overscan: 8,
  });
  const height = rows.getTotalSize();
  const writing = works ? (last?.attempt?.writing ?? null) : null;

  // biome-ignore lint/correctness/useExhaustiveDependencies: more rows, more height and more of what is written are what is followed
  useLayoutEffect(() => {
    if (works && following.current) scrollToEnd(scroller.current);
    else if (works && count > 0) setNewBelow(true);
  }, [count, height, writing, works]);

  const opening = useRef(!works); // the log comes in pieces; whoever begins to read it is not taken away
  const read = () => {
    opening.current = false;
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: it goes there as the log grows, not whenever something is opened or measured
  useLayoutEffect(() => {
    if (works) read();
    if (opening.current && view.turns.length > 1 && last) rows.scrollToIndex(last.from, { align: "start" });
  }, [count, works]);

  useLayoutEffect(() => {
    if (goTo === null || !last) return;
    opening.current = false;
    const at = last.attempt?.items.findIndex(({ seq }) => seq > goTo) ?? -1;
    following.current = false;
    rows.scrollToIndex(at < 0 ? last.from + last.rows - 1 : last.from + 1 + at, { align: "start" });
    onWent();
  }, [goTo, last, rows, onWent]);

  const onScroll = () => {
    const element = scroller.current;
    if (!element) return;
    following.current = element.scrollHeight - element.scrollTop - element.clientHeight < NEAR_END_PX;
    if (following.current) setNewBelow(false);
  };

  if (view.lastSeq === 0) return <Loading label="Loading the transcript" lines={6} />;
  return (
    <div className="relative flex min-h-0 flex-1 flex-col">
      <div
        ref={scroller}
        onScroll={onScroll}
        onWheel={read}
        onPointerDown={read}
        onKeyDown={read}
        tabIndex={0}
        role="log"
        aria-label="Transcript"
        aria-live="off"
        className="min-h-0 flex-1 overflow-y-auto px-3.5 py-4 -outline-offset-2 md:px-[22px]"
      >
        <div className="relative w-full" style={{ height }}>
          {rows.getVirtualItems().map((row) => {
            const shown = rowAt(all, row.index);
            return (
              <div
                key={row.key}
                ref={rows.measureElement}
                data-index={row.index}
                className="group/row absolute top-0 left-0 w-full pb-3"
                style={{ transform: `translateY(${row.start}px)` }}
              >
                {shown?.kind === "turn" && shown.turn.retryOf !== null ? (
                  <Retried turn={shown.turn} />
                ) : shown?.kind === "turn" ? (
                  <>
                    <Said by={shown.turn.by} at={shown.turn.at} text={shown.turn.prompt} note={beginningOf(shown.turn)} />
                    <PromptImages task={task.id} turn={shown.turn.turn} images={shown.turn.images} />
                  </>
                ) : shown?.kind === "item" ? (
                  <>
                    <ItemView
                      item={shown.item}
                      task={task.id}
                      environment={task.environment}
                      plan={shown.attempt.plan}
                      ended={isFinal(shown.attempt.state)}
                      onOpenFile={shown.attempt === last?.attempt ? onOpenFile : null}
                    />
                    {shown.attempt === last?.attempt ? <BackTo step={stepEndingAt(shown.attempt, shown.at)} goBack={goBack} /> : null}
                  </>
                ) : shown ? (
                  <Result turn={shown.turn} attempt={shown.attempt} onOpen={() => onOpenTurn(shown.turn.turn)} />
                ) : null}
              </div>
            );
          })}
        </div>
        {writing ? <BeingWritten writing={writing} /> : null}
        {works && !writing && last?.attempt?.items.length === 0 ? <p className="pt-2 text-ink-3">The agent has not begun yet.</p> : null}
      </div>
      {newBelow && works ? (
        <Button
          small
          className="absolute bottom-3 left-1/2 -translate-x-1/2 shadow-md"
          onClick={() => {
            following.current = true;
            setNewBelow(false);
            scrollToEnd(scroller.current);
          }}
        >
          New below ↓
        </Button>
      ) : null}
    </div>
  );
}

function sizeOf(row: TranscriptRow | undefined): number {
  if (row?.kind === "item") return row.item.kind === "message" ? 80 : 52;
  return row?.kind === "turn" ? 90 : 40;
}

/** What an earlier turn came to. */
function Result({ turn, attempt, onOpen }: { turn: TurnView; attempt: AttemptView | undefined; onOpen: () => void }) {
  const which = turn.attempts.length > 1 && attempt ? `Attempt ${attempt.number} of ${turn.attempts.length}` : `Turn ${turn.turn}`;
  return (
    <div className="flex flex-wrap items-center gap-2 border-b border-line pb-3 text-[12.5px] text-ink-2">
      <span>{which}</span>
      {attempt?.stats && attempt.stats.files > 0 ? (
        <ChangeSize added={attempt.stats.added} removed={attempt.stats.removed} />
      ) : (
        <span>changed nothing</span>
      )}
      <Button small kind="quiet" onClick={onOpen}>
        Show what it left
      </Button>
    </div>
  );
}

/** What the model writes at this moment; the message takes its place. */
function BeingWritten({ writing: { text, from } }: { writing: WritingView }) {
  return (
    <div className="pb-3" data-writing>
      <Message text={`${from > 0 ? "… " : ""}${text}`} />
      <p className="mt-1 text-[12px] text-ink-3">writing…</p>
    </div>
  );
}

function scrollToEnd(element: HTMLElement | null): void {
  if (element) element.scrollTop = element.scrollHeight;
}

const REPLY_NOTES = { waiting: "the agent is told before its next step", given: "", missed: "came too late: the agent had ended" };

/** What a person said. */
const Said = memo(function Said({ by, at, text, note = "" }: { by: string; at: string; text: string; note?: string }) {
  const [open, setOpen] = useState(false);
  const long = text.length > 1_500 || text.split("\n").length > 18;
  return (
    <div className="mb-1 rounded-[10px] border border-line bg-sunk px-3.5 py-2.5">
      <div className="mb-0.5 text-[12px] text-ink-3">
        {visibleLine(by)}, {timeOfDay(at)}
        {note ? ` · ${note}` : ""}
      </div>
      <div className={long && !open ? "max-h-60 overflow-hidden" : ""}>
        <Message text={text} />
      </div>
      {long ? (
        <Button small kind="quiet" className="mt-1 -ml-2" aria-expanded={open} onClick={() => setOpen(!open)}>
          {open ? "Show less" : "Show all of it"}
        </Button>
      ) : null}
    </div>
  );
});

/** Begins the next turn after this step; seen at a row that is pointed at, and where nothing can be pointed with. */
function BackTo({ step, goBack }: { step: number | null; goBack: GoBack }) {
  if (step === null || !goBack.steps.includes(step)) return null;
  const chosen = goBack.step === step;
  return (
    <Button
      small
      aria-pressed={chosen}
      title={`Your next message begins with the conversation and the files as they were after step ${step}`}
      onClick={() => goBack.choose(chosen ? null : step)}
      className={`pointer-fine:absolute pointer-fine:top-1 pointer-fine:right-36 pointer-fine:z-10 pointer-coarse:ml-auto pointer-coarse:flex pointer-coarse:py-0.5 ${
        chosen
          ? "border-accent text-accent"
          : "pointer-fine:opacity-0 pointer-coarse:border-transparent pointer-coarse:bg-transparent pointer-coarse:text-ink-2 group-hover/row:opacity-100 focus-visible:opacity-100"
      }`}
    >
      {chosen ? "Goes on from here" : "Go back to here"}
    </Button>
  );
}

function beginningOf({ fromStep, follows, turn }: TurnView): string {
  return fromStep === null ? "" : `went back to step ${fromStep} of attempt ${follows} of turn ${turn - 1}`;
}

/** Somebody asked the same again; what that was stands above. */
function Retried({ turn }: { turn: TurnView }) {
  return (
    <p className="mb-1 rounded-[10px] border border-line bg-sunk px-3.5 py-2.5">
      {visibleLine(turn.by)} tried again <span className="text-[12px] text-ink-3">{timeOfDay(turn.at)}</span>
    </p>
  );
}

const TONES = { info: "bg-sunk text-ink-2", warning: "bg-warn-soft text-warn", error: "bg-bad-soft text-bad" };

const ItemView = memo(function ItemView({
  item,
  task,
  environment,
  plan,
  ended,
  onOpenFile,
}: {
  item: Item;
  task: string;
  environment: TaskSummary["environment"];
  plan: PlanStep[] | null;
  ended: boolean;
  onOpenFile: OpenFile;
}) {
  const body =
    item.kind === "message" ? (
      <Message text={item.text} />
    ) : item.kind === "notice" ? (
      <div className={`flex flex-wrap items-center gap-x-3 gap-y-1.5 rounded-[10px] px-3 py-2 text-[13px] ${TONES[item.tone]}`}>
        <p className="min-w-0 break-words whitespace-pre-wrap">{visibleText(item.text)}</p>
        {item.refused ? <AllowHost environment={environment} request={item.refused} /> : null}
      </div>
    ) : item.kind === "reply" ? (
      <Said by={item.by} at={item.at} text={item.text} note={REPLY_NOTES[item.state]} />
    ) : (
      <Call item={item} task={task} plan={plan} ended={ended} onOpenFile={onOpenFile} />
    );
  if (item.supersededBy === null) return body;
  return (
    <div className="border-l-2 border-dashed border-line-strong pl-2.5">
      <p className="mb-0.5 text-[12px] text-ink-3">Run {item.supersededBy} went on without this</p>
      {body}
    </div>
  );
});
