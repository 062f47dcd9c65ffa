import type { TaskEvent } from "./event.ts";
import type { Phase } from "./task.ts";
import type { AttemptView, PhaseLine, PhaseView } from "./transcript-view.ts";

/** So many lines of a phase are kept: its last. */
const MOST_LINES = 200;

export function startPhase(attempt: AttemptView, event: TaskEvent, phase: Phase, limitMs: number): void {
  const run = event.run ?? attempt.run;
  attempt.phases.push({
    phase,
    run,
    seq: event.seq,
    endSeq: null,
    startedAt: event.at,
    limitMs,
    state: "running",
    durationMs: null,
    note: null,
    progress: null,
    lines: [],
    earlierLines: 0,
  });
}

/** Changes the phase of that name that runs. */
export function changePhase(attempt: AttemptView, phase: Phase, change: Partial<PhaseView>): void {
  const index = attempt.phases.findLastIndex((one) => one.phase === phase && one.state === "running");
  replace(attempt, index, change);
}

/** Puts a line into the log of the latest phase, also where that has ended: what ended it is told afterwards. */
export function sayInPhase(attempt: AttemptView, { seq, at }: TaskEvent, tone: PhaseLine["tone"], text: string): void {
  const last = attempt.phases.at(-1);
  if (!last) return;
  last.lines.push({ seq, at, tone, text }); // the one array that is shared with the object replaced
  const isFull = last.lines.length > MOST_LINES;
  if (isFull) last.lines.shift();
  replace(attempt, attempt.phases.length - 1, { earlierLines: last.earlierLines + (isFull ? 1 : 0) });
}

/** The run was cut off in whatever it was doing. */
export function cutOffPhase(attempt: AttemptView, endSeq: number): void {
  const index = attempt.phases.length - 1;
  if (attempt.phases[index]?.state === "running") replace(attempt, index, { state: "cut-off", endSeq });
}

/** What the attempt failed in: the phase that runs, else the agent's. */
export function failPhase(attempt: AttemptView, { seq, at }: TaskEvent): void {
  const running = attempt.phases.findLastIndex(({ state }) => state === "running");
  const index = running >= 0 ? running : attempt.phases.findLastIndex((one) => one.phase === "agent" && one.run === attempt.run);
  const phase = attempt.phases[index];
  if (phase?.state === "running") {
    const durationMs = Math.max(0, Date.parse(at) - Date.parse(phase.startedAt));
    replace(attempt, index, { state: "failed", endSeq: seq, durationMs });
  } else if (phase?.state === "done") replace(attempt, index, { state: "failed" });
}

function replace(attempt: AttemptView, index: number, change: Partial<PhaseView>): void {
  const found = attempt.phases[index];
  if (found) attempt.phases[index] = { ...found, ...change };
}
