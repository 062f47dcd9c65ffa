import { addNotice, attemptOf, itemBase, takeAttemptEvent } from "./attempt-events.ts";
import type { EventBody, TaskEvent } from "./event.ts";
import { isFinal, type TaskStatus, taskStatus } from "./task.ts";
import type { AttemptView, TranscriptView } from "./transcript-view.ts";

/**
 * Takes the next event into the view and returns the view, which is changed in place: 50,000 events cost no copying. An item or phase that changes is
 * replaced by a new object, so its identity tells a surface what to draw again. An event whose `seq` was taken in already is ignored.
 */
export function reduce(view: TranscriptView, event: TaskEvent): TranscriptView {
  if (event.seq <= view.lastSeq) return view;
  view.lastSeq = event.seq;
  const attempt = event.attempt === null ? null : attemptOf(attemptsOf(view, event.turn ?? 1), event.attempt);
  if (attempt === null || !takeAttemptEvent(attempt, event)) takeTaskEvent(view, event);
  return view;
}

/** The same status that the service gives, for whoever has only the events. */
export function statusOf(view: TranscriptView): TaskStatus {
  const attempts = view.attempts.map((attempt) => attempt.state);
  return taskStatus(attempts.length > 0 ? attempts : [{ state: "queued" }], view.publication, changeTurnOf(view));
}

/** The last turn that could change files; 1 where none could. */
function changeTurnOf({ turns }: TranscriptView): number {
  return turns.findLast(({ mode }) => mode === "code")?.turn ?? 1;
}

function takeTaskEvent(view: TranscriptView, event: TaskEvent): void {
  const body = event.body;
  switch (body.type) {
    case "task.created":
      view.title = body.title;
      view.mode = body.mode;
      view.model = body.model;
      view.modelIsUsual = body.modelIsUsual ?? false;
      view.environment = { name: body.environment, version: body.environmentVersion };
      view.createdBy = body.by;
      view.createdAt = event.at;
      for (let number = 1; number <= body.attempts; number++) attemptOf(view.attempts, number);
      return;
    case "turn.started":
      startTurn(view, event, body);
      return;
    case "turn.chosen":
      view.turns = view.turns.map((turn) => (turn.turn === body.turn ? { ...turn, chosen: body.attempt } : turn));
      return;
    case "reply.sent":
      for (const attempt of attemptsOf(view, body.turn)) {
        if (isFinal(attempt.state) || (body.attempt !== null && body.attempt !== attempt.number)) continue;
        attempt.items.push({ kind: "reply", ...itemBase(event), reply: body.reply, by: body.by, text: body.text, state: "waiting" });
      }
      return;
    case "cancel.requested":
    case "stop.requested":
      for (const attempt of view.attempts)
        if (!isFinal(attempt.state))
          addNotice(attempt, event, "info", `${body.type === "stop.requested" ? "stopping" : "cancelling"}, asked by ${body.by}`);
      return;
    case "task.titled":
      view.title = body.title;
      return;
    case "task.archived":
    case "task.unarchived":
      view.archived = body.type === "task.archived";
      return;
    default:
      takePublication(view, body);
  }
}

/** Turns are numbered one after another. The first turn's attempts are known before it starts. */
function startTurn(view: TranscriptView, event: TaskEvent, body: Extract<EventBody, { type: "turn.started" }>): void {
  const { turn, prompt, by } = body;
  const attempts = turn === 1 ? view.attempts : [];
  for (let number = 1; number <= (body.attempts ?? 1); number++) attemptOf(attempts, number);
  view.attempts = attempts;
  if (body.model !== undefined && body.model !== view.model) view.modelIsUsual = false;
  view.model = body.model ?? view.model;
  view.mode = body.mode ?? view.mode;
  if (view.environment && body.environmentVersion) view.environment = { ...view.environment, version: body.environmentVersion };
  const { images = 0, follows = null, fromStep = null, retryOf = null } = body;
  const { model, mode } = view;
  const retried = view.turns.find((one) => one.turn === retryOf);
  const before = retried ? retried.attempts[0] : view.turns.at(-1)?.attempts.find(({ number }) => number === follows);
  if (mode === "ask" && before) for (const attempt of attempts) attempt.description = before.description; // the change stays
  view.turns.push({ turn, prompt, images, by, at: event.at, model, mode, follows, fromStep, retryOf, attempts, chosen: null });
}

function takePublication(view: TranscriptView, body: EventBody): void {
  const { turn = 1, attempt = 1 } = view.publication ?? {};
  switch (body.type) {
    case "publication.asked":
      view.publication = { state: "asked", branch: body.branch, turn: body.turn ?? 1, attempt: body.attempt ?? 1 };
      return;
    case "publication.started":
      view.publication = { state: "publishing", branch: body.branch, turn, attempt };
      return;
    case "publication.published":
      view.publication = { state: "published", branch: body.branch, turn, attempt, commit: body.commit, pullRequest: null };
      return;
    case "publication.failed":
      view.publication = { state: "failed", branch: body.branch, turn, attempt, detail: body.detail };
  }
}

function attemptsOf(view: TranscriptView, turn: number): AttemptView[] {
  return view.turns.find((one) => one.turn === turn)?.attempts ?? view.attempts;
}
