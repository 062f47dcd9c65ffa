import type { TaskSummary } from "@farhand/protocol";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type RefObject, useState } from "react";
import { client } from "../../lib/api.ts";
import { visibleLine, visibleText } from "../../lib/visible-text.ts";
import { Button } from "../../ui/button.tsx";
import { Files } from "../../ui/files.tsx";
import { Key } from "../../ui/marks.tsx";
import { Fault } from "../../ui/states.tsx";
import { useFiles } from "../../ui/use-files.ts";
import { useKeys } from "../keyboard/keys.ts";
import { modelsQuery } from "../models/models.ts";
import { takeTask } from "../task-list/tasks.ts";
import type { GoBack } from "../turns/go-back.ts";
import { type Comment, withComments } from "./comments.ts";
import { AS_BEFORE, NextTurn, namedOf } from "./next-turn.tsx";

type Props = {
  task: TaskSummary;
  /** The attempt of the last turn that is looked at: the next turn goes on from it. */
  attempt: number;
  goBack: GoBack;
  comments: readonly Comment[];
  /** `sent`: the comments that went along. */
  onSent: (sent: readonly Comment[]) => void;
  onDropComment: (comment: Comment) => void;
  box: RefObject<HTMLTextAreaElement | null>;
};

/** What goes out, and what it was made of: more may be typed before the answer comes, and the agent may begin or end. */
type Sent = { words: string; typed: string; comments: readonly Comment[]; steers: boolean };

/** Always there: what is said steers the agent while it works, and begins the next turn when it has ended. */
export function ReplyBox({ task, attempt, goBack, comments, onSent, onDropComment, box }: Props) {
  const queries = useQueryClient();
  const [text, setText] = useState("");
  const [next, setNext] = useState(AS_BEFORE);
  const models = useQuery(modelsQuery).data;
  const files = useFiles(setText);
  const state = task.attempts.find((one) => one.number === attempt);
  const asks = state?.state === "awaiting-input" ? state : null;
  const works = asks !== null || task.status === "running" || task.status === "waiting";
  const several = task.attempts.length > 1;
  const { step } = goBack;
  const onSuccess = (after: TaskSummary) => takeTask(queries, after);
  const from = { ...((several || step !== null) && { attempt }), ...(step !== null && { fromStep: step }) };
  const send = useMutation({
    mutationFn: ({ words, steers }: Sent) =>
      steers
        ? client.say(task.id, { text: words, ...(asks && { attempt }) })
        : client.followUp(task.id, { prompt: words, ...namedOf(next, models), ...files.sent(), ...from }),
    onSuccess: (after, { typed, comments, steers }) => {
      onSuccess(after);
      setText((now) => (now === typed ? "" : now)); // whoever types on while it is sent loses nothing
      setNext(AS_BEFORE);
      if (!steers) files.clear();
      onSent(comments);
    },
  });
  const say = (words: string) => send.mutate({ words, typed: text, comments, steers: works });
  const stop = useMutation({ mutationFn: () => client.stop(task.id), onSuccess });
  useKeys({ r: () => box.current?.focus(), s: works && !stop.isPending ? () => stop.mutate() : null });
  const whole = withComments(text, comments);
  const submit = () => {
    if (whole !== "" && !send.isPending) say(whole);
  };
  if (task.archived) return null;
  return (
    <form
      aria-label="Reply"
      className="shrink-0 border-t border-line bg-panel px-3.5 py-2.5 md:px-[22px]"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      {asks ? (
        <div role="status" className="mb-2 rounded-lg bg-warn-soft px-3 py-2 text-[13px] text-warn">
          <p className="break-words whitespace-pre-wrap">{visibleText(asks.question)}</p>
          {asks.options.length > 0 ? (
            <div className="mt-2 flex flex-wrap gap-1.5">
              {asks.options.map((option) => (
                <Button key={option} small disabled={send.isPending} onClick={() => say(option)}>
                  {visibleLine(option)}
                </Button>
              ))}
            </div>
          ) : null}
        </div>
      ) : null}
      {comments.length > 0 ? (
        <ul aria-label="Comments that are sent along" className="mb-2 flex flex-wrap gap-1.5 text-[12.5px]">
          {comments.map((comment) => (
            <li key={comment.id} className="flex max-w-full items-center gap-1 rounded-md border border-line bg-sunk px-2 py-0.5">
              <span className="truncate font-mono">
                {comment.path}:{comment.line}
              </span>
              <span className="min-w-0 truncate text-ink-2">{comment.text}</span>
              <button type="button" aria-label={`Leave out the comment on line ${comment.line}`} onClick={() => onDropComment(comment)}>
                ×
              </button>
            </li>
          ))}
        </ul>
      ) : null}
      {step === null ? null : (
        <p className="mb-2 flex items-center gap-1.5 text-[12.5px] text-ink-2" role="status">
          Goes on from step {step} of attempt {attempt}: what came after it is left behind
          <button type="button" aria-label="Go on from the end instead" className="px-1" onClick={() => goBack.choose(null)}>
            ×
          </button>
        </p>
      )}
      <div className="rounded-xl border border-line-strong bg-bg p-2 focus-within:border-accent">
        <textarea
          ref={box}
          aria-label={asks ? "Answer" : works ? "Message to the agent" : "What next"}
          value={text}
          rows={Math.min(8, Math.max(2, text.split("\n").length))}
          onChange={(event) => setText(event.target.value)}
          onKeyDown={(event) => {
            if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
            event.preventDefault();
            submit();
          }}
          placeholder={
            asks
              ? "Your answer; the agent goes on with it."
              : works
                ? "Say something to the agent: it is told before its next step."
                : step !== null
                  ? `What next? It goes on from step ${step}.`
                  : several
                    ? `What next? It goes on from attempt ${attempt}.`
                    : "What next? It goes on from here."
          }
          className="w-full resize-none bg-transparent px-1 outline-none"
          {...(works ? {} : files.box)}
        />
        <div className="flex flex-wrap items-center gap-1.5">
          {works ? null : <Files of={files} isShort />}
          {works ? null : <NextTurn task={task} choice={next} onChoose={setNext} />}
          {works ? (
            <Button
              small
              kind="danger"
              disabled={stop.isPending}
              className="ml-auto"
              onClick={() => stop.mutate()}
              title="Ends the work, and keeps what was done"
            >
              Stop <Key>S</Key>
            </Button>
          ) : null}
          <Button small kind="primary" type="submit" disabled={whole === "" || send.isPending} className={works ? "" : "ml-auto"}>
            Send
          </Button>
        </div>
      </div>
      {send.error || stop.error ? (
        <div className="mt-2">
          <Fault error={send.error ?? stop.error} />
        </div>
      ) : null}
    </form>
  );
}
