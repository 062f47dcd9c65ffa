import type { TaskSummary } from "@farhand/protocol";
import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import type { GoTo, LineComment } from "../features/diff/diff-pane.tsx";
import { fileNamer } from "../features/diff/named-file.ts";
import { patchQuery } from "../features/diff/patch.ts";
import { useKeys } from "../features/keyboard/keys.ts";
import type { Comment } from "../features/reply/comments.ts";
import { ReplyBox } from "../features/reply/reply-box.tsx";
import type { Pane } from "../features/results/panes.ts";
import { Results } from "../features/results/results.tsx";
import { TaskHeader } from "../features/task-header/task-header.tsx";
import { isAtWork, useFreshTask } from "../features/task-log/fresh-task.ts";
import { stepsOf } from "../features/task-log/steps.ts";
import { type TaskLog, useTaskLog } from "../features/task-log/task-log.ts";
import { FilesContext } from "../features/transcript/file-link.tsx";
import { Transcript } from "../features/transcript/transcript.tsx";
import { useGoBack } from "../features/turns/go-back.ts";
import { type LookedAt, useLookedAt } from "../features/turns/looked-at.ts";
import { useWide } from "../lib/use-wide.ts";
import { visibleLine } from "../lib/visible-text.ts";
import { Broken, Loading } from "../ui/states.tsx";

/** A task: how it stands, what was said and done, and what came out. */
export function TaskRoute() {
  const { task } = useParams({ from: "/shell/tasks/$task" });
  return <TaskPage key={task} id={task} />;
}

function TaskPage({ id }: { id: string }) {
  const log = useTaskLog(id);
  const task = useFreshTask(id, log.view);
  if (task.data) return <Workbench task={task.data} log={log} />;
  return (
    <>
      <h1 className="sr-only">Task</h1>
      {task.isError ? (
        <Broken what="This task cannot be shown" error={task.error} onRetry={() => void task.refetch()}>
          <Link to="/" className="text-accent underline underline-offset-2 md:hidden">
            To the tasks
          </Link>
        </Broken>
      ) : (
        <Loading label="Loading the task" lines={8} />
      )}
    </>
  );
}

/** What the panes share: what is looked at, where somebody goes next, and what is noted for the next message. */
function Workbench({ task, log }: { task: TaskSummary; log: TaskLog }) {
  const { view } = log;
  const wide = useWide();
  const looked = useLookedAt(view, task);
  const { lastTurn, latest } = looked;
  const attempt = latest?.number ?? 1;
  const replyBox = useRef<HTMLTextAreaElement>(null);
  const reply = () => replyBox.current?.focus();
  const [comments, setComments] = useState<readonly Comment[]>([]);
  const [pane, setPane] = useState<Pane | null>(null);
  const [goTo, setGoTo] = useState<GoTo | null>(null);
  const [goToEvent, setGoToEvent] = useState<number | null>(null);
  const wentToEvent = useCallback(() => setGoToEvent(null), []);
  const openFile = useCallback((path: string, line: number | null = null) => {
    setPane("diff");
    setGoTo((before) => ({ path, line, times: (before?.times ?? 0) + 1 }));
  }, []);
  const files = useNamedFiles(task, looked, wide, openFile);
  const goBack = useGoBack(task, attempt);
  useKeys({
    "g d": () => setPane("diff"),
    "g t": () => setPane("terminal"),
    "g n": () => setPane("network"),
    "g s": () => setPane("steps"),
    "[": () => looked.pickNext(-1),
    "]": () => looked.pickNext(1),
  });
  useTitle(task.title);

  const transcript = log.refused ? (
    <Broken what="The transcript cannot be shown" error={log.refused.detail} />
  ) : (
    <FilesContext value={files}>
      <Transcript
        task={task}
        log={log}
        works={isAtWork(task)}
        picks={looked.picks}
        goTo={goToEvent}
        goBack={{
          ...goBack,
          choose(step) {
            goBack.choose(step);
            if (step !== null) reply();
          },
        }}
        onWent={wentToEvent}
        onOpenFile={looked.hasChange && looked.isLast ? openFile : null}
        onOpenTurn={(turn) => {
          looked.openTurn(turn);
          setPane("diff");
        }}
      />
    </FilesContext>
  );
  const replyBar =
    task.kind === "setup-test" ? null : (
      <ReplyBox
        task={task}
        attempt={attempt}
        goBack={goBack}
        comments={comments}
        onSent={(sent) => {
          setComments((before) => before.filter((one) => !sent.includes(one)));
          looked.openTurn(null);
        }}
        onDropComment={(comment) => setComments((before) => before.filter((one) => one !== comment))}
        box={replyBox}
      />
    );
  return (
    <>
      <TaskHeader
        task={task}
        attempt={latest}
        steps={stepsOf(log.steps, lastTurn, latest)}
        ref={view.turns[0]?.attempts.find(({ base }) => base !== null)?.base?.ref ?? null}
        modelIsUsual={view.modelIsUsual}
        onAnswer={reply}
        onOpenStep={(seq) => {
          if (!wide) setPane("transcript");
          setGoToEvent(seq);
        }}
      />
      <div className="grid min-h-0 flex-1 grid-cols-1 lg:grid-cols-[minmax(0,1fr)_minmax(0,1.05fr)]">
        {wide ? (
          <section aria-label="Transcript" className="flex min-h-0 flex-col">
            <div className="flex min-h-0 flex-1 flex-col">{transcript}</div>
            {replyBar}
          </section>
        ) : null}
        <Results
          task={task}
          log={log}
          looked={looked}
          chosen={pane}
          onChoose={setPane}
          goTo={goTo}
          onComment={(comment) => setComments((before) => [...before, numbered(comment)])}
          transcript={wide ? null : transcript}
        />
      </div>
      {wide ? null : replyBar}
    </>
  );
}

let notes = 0;
function numbered(comment: LineComment): Comment {
  return { ...comment, id: `${notes++}` };
}

/** The files of the last change, for what is said of them; null while an earlier turn is looked at. */
function useNamedFiles(
  task: TaskSummary,
  { lastTurn, latest, isLast }: LookedAt,
  wide: boolean,
  open: (path: string, line: number | null) => void,
) {
  const change = useQuery({
    ...patchQuery(task.id, latest?.number ?? 1, lastTurn?.turn ?? 1, latest?.patch ?? null),
    // on a phone it is loaded when somebody looks at it; what stands before the last turn of a log that is being read is not asked for
    enabled: wide && latest?.patch != null && lastTurn?.turn === task.turn,
  }).data;
  return useMemo(() => (change && isLast ? { find: fileNamer(change.files.map(({ path }) => path)), open } : null), [change, isLast, open]);
}

function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${visibleLine(title)} · Farhand`;
    return () => {
      document.title = "Farhand";
    };
  }, [title]);
}
