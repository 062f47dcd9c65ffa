const MOST_LINES = 50_000;
const MOST_WANTED = 60;
const MARGIN = 2;
const MOST_SHOWN = 24;
const LINE_CHARS = 200;

/** Where in a text the lines stand that are most like the wanted ones, from 0; null = nothing is like them. */
export function nearestPlace(lines: readonly string[], wanted: readonly string[]): { at: number; count: number } | null {
  const asked = wanted.slice(0, MOST_WANTED).map(squeezed);
  const there = lines.slice(0, MOST_LINES).map(squeezed);
  const weights = asked.map((line) => Math.min(line.length, 40));
  const known = new Map<string, number[]>();
  for (const [index, line] of asked.entries()) if (line !== "") known.set(line, [...(known.get(line) ?? []), index]);
  const scores = new Map<number, number>();
  for (const [at, line] of there.entries())
    for (const index of known.get(line) ?? []) scores.set(at - index, (scores.get(at - index) ?? 0) + (weights[index] ?? 0));
  if (scores.size === 0) return mostAlike(there, asked);
  let best = { at: 0, score: 0 };
  for (const [at, score] of scores) if (score > best.score) best = { at, score };
  return { at: Math.max(0, best.at), count: asked.length };
}

/** No line is the same: the longest wanted one decides, by the words it shares. */
function mostAlike(there: readonly string[], asked: readonly string[]): { at: number; count: number } | null {
  const longest = asked.reduce((best, line, index) => (line.length > (asked[best]?.length ?? 0) ? index : best), 0);
  const words = wordsOf(asked[longest] ?? "");
  let best = { at: -1, score: 0.4 };
  for (const [at, line] of there.entries()) {
    const others = wordsOf(line);
    let shared = 0;
    for (const word of words) if (others.has(word)) shared++;
    const score = (2 * shared) / (words.size + others.size || 1);
    if (score > best.score) best = { at, score };
  }
  return best.at < 0 ? null : { at: Math.max(0, best.at - longest), count: asked.length };
}

/** Lines of a text with their numbers, a few more on each side; long ones cut. */
export function numberedLines(lines: readonly string[], at: number, count: number): string {
  const from = Math.max(0, at - MARGIN);
  const shown = lines.slice(from, Math.min(at + count + MARGIN, from + MOST_SHOWN));
  return shown
    .map((line, index) => `${from + index + 1}\t${line.length > LINE_CHARS ? `${line.slice(0, LINE_CHARS)}...` : line}`)
    .join("\n");
}

function squeezed(line: string): string {
  return line.slice(0, 2_000).replace(/\s+/g, " ").trim();
}

function wordsOf(line: string): Set<string> {
  return new Set(line.match(/[\p{L}\p{N}_]+|[^\s\p{L}\p{N}_]/gu) ?? []);
}
