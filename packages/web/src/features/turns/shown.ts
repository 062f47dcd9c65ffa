import type { AttemptView, TranscriptView, TurnView } from "@farhand/protocol";

/** The attempts that somebody picked to look at, by turn. */
export type Picks = ReadonlyMap<number, number>;

/** The attempt of a turn that is looked at: the one picked, else the one that the next turn goes on from, else the chosen one, else the first that is done. */
export function shownAttempt({ turns }: TranscriptView, turn: TurnView | undefined, picks: Picks): AttemptView | undefined {
  if (!turn) return undefined;
  const next = turns.find((one) => one.turn === turn.turn + 1);
  const number = picks.get(turn.turn) ?? next?.follows ?? turn.chosen;
  const { attempts } = turn;
  return attempts.find((one) => one.number === number) ?? attempts.find((one) => one.state.state === "succeeded") ?? attempts[0];
}

/** A stretch of the transcript: what a turn begins with, what its shown attempt did, and how to look at what an earlier one left. */
export type Stretch = { from: number; rows: number; turn: TurnView; attempt: AttemptView | undefined; isLast: boolean };

/** The turns one after another, without a list of all rows: there may be very many. */
export function stretches(view: TranscriptView, picks: Picks): Stretch[] {
  const all: Stretch[] = [];
  let from = 0;
  for (const turn of view.turns) {
    const attempt = shownAttempt(view, turn, picks);
    const isLast = turn === view.turns.at(-1);
    const rows = 1 + (attempt?.items.length ?? 0) + (isLast ? 0 : 1);
    all.push({ from, rows, turn, attempt, isLast });
    from += rows;
  }
  return all;
}

export type TranscriptRow =
  | { kind: "turn"; key: string; turn: TurnView }
  | { kind: "item"; key: string; item: AttemptView["items"][number]; at: number; attempt: AttemptView }
  | { kind: "result"; key: string; turn: TurnView; attempt: AttemptView | undefined };

export function rowAt(all: readonly Stretch[], index: number): TranscriptRow | undefined {
  const stretch = all.findLast(({ from }) => from <= index);
  if (!stretch) return undefined;
  const { turn, attempt, from } = stretch;
  const at = index - from;
  if (at === 0) return { kind: "turn", key: `turn ${turn.turn}`, turn };
  const item = attempt?.items[at - 1];
  if (item && attempt) return { kind: "item", key: `${turn.turn}.${attempt.number} ${item.seq} ${at}`, item, at: at - 1, attempt };
  return { kind: "result", key: `result ${turn.turn}`, turn, attempt };
}
