import type { AttemptView, TaskSummary, TurnView } from "@farhand/protocol";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { ChecksBar } from "../features/diff/checks-bar.tsx";
import { DescriptionBar } from "../features/diff/description-bar.tsx";
import { DiffPane, type GoTo, type LineComment } from "../features/diff/diff-pane.tsx";
import { fileNamer } from "../features/diff/named-file.ts";
import { patchQuery } from "../features/diff/patch.ts";
import { useKeys } from "../features/keyboard/keys.ts";
import { NetworkPane } from "../features/network/network-pane.tsx";
import type { Comment } from "../features/reply/comments.ts";
import { ReplyBox } from "../features/reply/reply-box.tsx";
import { StepsPane } from "../features/steps/steps-pane.tsx";
import { deedsFor, useDeed } from "../features/task-header/deeds.ts";
import { TaskHeader } from "../features/task-header/task-header.tsx";
import { taskQuery } from "../features/task-list/tasks.ts";
import type { StepView } from "../features/task-log/steps.ts";
import { type TaskLog, useTaskLog } from "../features/task-log/task-log.ts";
import { TerminalPane } from "../features/terminal/terminal-pane.tsx";
import { FilesContext } from "../features/transcript/file-link.tsx";
import { Transcript } from "../features/transcript/transcript.tsx";
import { AttemptBar } from "../features/turns/attempt-bar.tsx";
import { ComparePane } from "../features/turns/compare-pane.tsx";
import { useGoBack } from "../features/turns/go-back.ts";
import { type Picks, shownAttempt } from "../features/turns/shown.ts";
import { client } from "../lib/api.ts";
import { useWide } from "../lib/use-wide.ts";
import { visibleLine } from "../lib/visible-text.ts";
import { ChangeSize } from "../ui/marks.tsx";
import { Broken, Loading } from "../ui/states.tsx";

const PANES = {
  transcript: "Transcript",
  compare: "Compare",
  diff: "Diff",
  terminal: "Terminal",
  network: "Network",
  steps: "Steps",
} as const;
type Pane = keyof typeof PANES;

/** A task: how it stands, what was said and done, and what came out. */
export function TaskRoute() {
  const { task: id } = useParams({ from: "/shell/tasks/$task" });
  return <TaskPage key={id} id={id} />;
}

function TaskPage({ id }: { id: string }) {
  const log = useTaskLog(id);
  const task = useFreshTask(id, log);
  const [picks, setPicks] = useState<Picks>(new Map());
  /** The turn whose results are shown; null = the last one. */
  const [turnAt, setTurnAt] = useState<number | null>(null);
  const [comments, setComments] = useState<readonly Comment[]>([]);
  const replyBox = useRef<HTMLTextAreaElement>(null);
  const { turns } = log.view;
  const lastTurn = turns.at(-1);
  const turn = turns.find((one) => one.turn === turnAt) ?? lastTurn;
  const isLast = turn === lastTurn;
  const latest = shownAttempt(log.view, lastTurn, picks);
  const attempt = isLast ? latest : shownAttempt(log.view, turn, picks);
  const pick = (number: number) => turn && setPicks((before) => new Map(before).set(turn.turn, number));
  const step = (by: number) => {
    const many = turn?.attempts.length ?? 0;
    if (attempt && many > 1) pick(((attempt.number - 1 + by + many) % many) + 1);
  };
  const deed = useDeed(id, latest?.number ?? 1);
  const goBack = useGoBack(task.data, latest?.number ?? 1);
  const goBackFocused = {
    ...goBack,
    choose: (step: number | null) => {
      goBack.choose(step);
      if (step !== null) replyBox.current?.focus();
    },
  };
  const stop = useMutation({ mutationFn: () => client.stop(id) });
  const wide = useWide();
  const [chosen, setChosen] = useState<Pane | null>(null);
  const [goTo, setGoTo] = useState<GoTo | null>(null);
  const [goToEvent, setGoToEvent] = useState<number | null>(null);
  const wentToEvent = useCallback(() => setGoToEvent(null), []);
  const openStep = (seq: number) => {
    if (!wide) setChosen("transcript");
    setGoToEvent(seq);
  };
  const openFile = useCallback((path: string, line: number | null = null) => {
    setChosen("diff");
    setGoTo((before) => ({ path, line, times: (before?.times ?? 0) + 1 }));
  }, []);
  const change = useQuery({
    ...patchQuery(id, latest?.number ?? 1, lastTurn?.turn ?? 1, latest?.patch ?? null),
    // on a phone it is loaded when somebody looks at it; what stands before the last turn of a log that is being read is not asked for
    enabled: wide && latest?.patch != null && lastTurn?.turn === task.data?.turn,
  }).data;
  const files = useMemo(
    () => (change ? { find: fileNamer(change.files.map(({ path }) => path)), open: openFile } : null),
    [change, openFile],
  );
  useKeys({
    "g d": () => setChosen("diff"),
    "g t": () => setChosen("terminal"),
    "g n": () => setChosen("network"),
    "g s": () => setChosen("steps"),
    "[": () => step(-1),
    "]": () => step(1),
    r: () => replyBox.current?.focus(),
    s: task.data && isAtWork(task.data) ? () => stop.mutate() : null,
    p: task.data && deedsFor(task.data, latest?.number ?? 1).includes("publish") ? () => deed.mutate("publish") : null,
  });
  const title = task.data?.title;
  useEffect(() => {
    document.title = title ? `${visibleLine(title)} · Farhand` : "Farhand";
    return () => {
      document.title = "Farhand";
    };
  }, [title]);

  if (task.isError && !task.data)
    return (
      <Broken what="This task cannot be shown" error={task.error} onRetry={() => void task.refetch()}>
        <Link to="/" className="text-accent underline underline-offset-2 md:hidden">
          To the tasks
        </Link>
      </Broken>
    );
  if (!task.data) return <Loading label="Loading the task" lines={8} />;
  const works = isAtWork(task.data);
  const several = (turn?.attempts.length ?? 1) > 1;
  const panes = (Object.keys(PANES) as Pane[]).filter((one) => (one === "transcript" ? !wide : one !== "compare" || several));
  const pane = chosen && panes.includes(chosen) ? chosen : wide ? "diff" : "transcript";
  const ready = hasPatch(attempt, isLast && (!turn || turn.turn === task.data.turn) ? task.data : null); // a turn that has just begun is not in the summary yet
  const transcript = log.refused ? (
    <Broken what="The transcript cannot be shown" error={log.refused.detail} />
  ) : (
    <FilesContext value={isLast ? files : null}>
      <Transcript
        task={task.data}
        log={log}
        works={works}
        picks={picks}
        goTo={goToEvent}
        goBack={goBackFocused}
        onWent={wentToEvent}
        onOpenFile={ready && isLast ? openFile : null}
        onOpenTurn={(number) => {
          setTurnAt(number);
          setChosen("diff");
        }}
      />
    </FilesContext>
  );
  const reply =
    task.data.kind === "setup-test" ? null : (
      <ReplyBox
        task={task.data}
        attempt={latest?.number ?? 1}
        goBack={goBack}
        comments={comments}
        onSent={() => {
          setComments([]);
          setTurnAt(null);
        }}
        onDropComment={(comment) => setComments((before) => before.filter((one) => one !== comment))}
        box={replyBox}
      />
    );
  return (
    <>
      <TaskHeader
        task={task.data}
        attempt={latest}
        steps={stepsOf(log, lastTurn, latest)}
        ref={turns[0]?.attempts.find(({ base }) => base !== null)?.base?.ref ?? null}
        modelIsUsual={log.view.modelIsUsual}
        onAnswer={() => replyBox.current?.focus()}
        onOpenStep={openStep}
      />
      <div className="grid min-h-0 flex-1 grid-cols-1 lg:grid-cols-[minmax(0,1fr)_minmax(0,1.05fr)]">
        {wide ? (
          <section aria-label="Transcript" className="flex min-h-0 flex-col">
            {transcript}
            {reply}
          </section>
        ) : null}
        <aside aria-label="Results" className="flex min-h-0 min-w-0 flex-col border-line bg-panel lg:border-l">
          {turn && attempt ? (
            <AttemptBar turn={turn} shown={attempt.number} isLast={isLast} onPick={pick} onBack={() => setTurnAt(null)} />
          ) : null}
          <div
            role="tablist"
            aria-label="What to look at"
            className="relative flex items-center gap-0.5 overflow-x-auto border-b border-line px-3.5 py-2 text-[13px] max-md:px-2"
          >
            {panes.map((one) => (
              <button
                key={one}
                type="button"
                role="tab"
                aria-selected={pane === one}
                onClick={() => setChosen(one)}
                className="shrink-0 rounded-md px-2.5 py-1 whitespace-nowrap max-md:px-1.5 text-ink-2 hover:text-ink aria-selected:bg-sunk aria-selected:font-[550] aria-selected:text-ink aria-selected:shadow-[0_0_0_1px_var(--line)]"
              >
                {PANES[one]}
                {one === "network" && attempt && attempt.network.length > 0 ? ` ${attempt.network.length}` : ""}
              </button>
            ))}
            <span className="ml-auto pl-2 max-md:hidden">
              {attempt?.stats && attempt.stats.files > 0 ? (
                <ChangeSize added={attempt.stats.added} removed={attempt.stats.removed} />
              ) : null}
            </span>
          </div>
          <div role="tabpanel" aria-label={PANES[pane]} className={`flex min-h-0 flex-1 flex-col ${pane === "transcript" ? "bg-bg" : ""}`}>
            {pane === "transcript" ? transcript : null}
            {pane === "diff" && ready ? <DescriptionBar description={attempt?.description ?? null} /> : null}
            {pane === "diff" ? <ChecksBar checks={attempt?.checks ?? []} /> : null}
            {pane === "diff" ? (
              <DiffPane
                task={id}
                turn={turn?.turn ?? task.data.turn}
                attempt={attempt?.number ?? 1}
                stored={attempt?.patch ?? null}
                ready={ready}
                works={works && isLast}
                unchanged={unchangedInWords(attempt)}
                goTo={goTo}
                onComment={isLast && !task.data.archived ? (comment) => setComments((before) => [...before, numbered(comment)]) : null}
              />
            ) : null}
            {pane === "terminal" ? <TerminalPane attempt={attempt} version={log.version} /> : null}
            {pane === "network" ? <NetworkPane rows={attempt?.network ?? []} environment={task.data.environment} /> : null}
            {pane === "steps" ? <StepsPane task={id} steps={stepsOf(log, turn, attempt)} usage={attempt?.usage} /> : null}
            {pane === "compare" && turn ? <ComparePane task={task.data} turn={turn} onShow={pick} /> : null}
          </div>
        </aside>
      </div>
      {wide ? null : reply}
    </>
  );
}

function isAtWork(task: TaskSummary): boolean {
  return (
    task.status === "running" || task.status === "waiting" || task.attempts.some((attempt) => attempt.state === "awaiting-input") // it only rests
  );
}

/** Why a change has no files. */
function unchangedInWords(attempt: AttemptView | undefined): string {
  if (attempt?.state.state === "failed") return "The agent failed before it changed a file.";
  return "The agent finished without changing a file.";
}

let notes = 0;
function numbered(comment: LineComment): Comment {
  return { ...comment, id: `${notes++}` };
}

function stepsOf({ steps }: TaskLog, turn: TurnView | undefined, attempt: AttemptView | undefined): StepView[] {
  return steps.filter((step) => step.turn === turn?.turn && step.attempt === attempt?.number);
}

/** Of the last turn, the summary says so long before a long log has been read to its end. */
function hasPatch(shown: AttemptView | undefined, task: TaskSummary | null): boolean {
  if (!task) return shown?.patch != null;
  const attempt = task.attempts.find((one) => one.number === shown?.number) ?? task.attempts[0];
  if (attempt?.state === "awaiting-input") return attempt.stats.files > 0;
  return attempt?.state === "succeeded" || (attempt?.state === "failed" && attempt.stats !== null);
}

/** The task as the service sums it up; asked for again whenever its log says that its state has changed. */
function useFreshTask(id: string, log: TaskLog) {
  const queries = useQueryClient();
  const { view } = log;
  const states = view.attempts.map(({ state, base }) => `${state.state} ${state.state === "running" ? state.phase : ""} ${base?.commit}`);
  const { publication } = view;
  const key = [
    ...states,
    publication?.state,
    publication?.turn,
    view.title,
    view.archived,
    view.turns.length,
    view.turns.at(-1)?.chosen,
  ].join(" ");
  const known = view.lastSeq > 0;
  useEffect(() => {
    void key;
    if (known) void queries.invalidateQueries({ queryKey: ["task", id] });
  }, [queries, id, key, known]);
  return useQuery(taskQuery(id));
}
