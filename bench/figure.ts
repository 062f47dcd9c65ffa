/** One line of the table. What was not measured beside it is null or absent. */
export type Figure = { what: string; farhand: string; podman: string | null; bare: string | null; codex?: string | null };

/** A benchmark measures, and judges nothing. It leaves nothing behind, also when the signal stops it. */
export type Benchmark = { name: string; run(say: (line: string) => void, signal: AbortSignal): Promise<Figure[]> };

/** The smallest value that at least `percent` of 100 values do not exceed. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? Number.NaN;
}

export function inMs(value: number): string {
  return value < 10 ? `${value.toFixed(1)} ms` : value < 10_000 ? `${Math.round(value)} ms` : `${(value / 1000).toFixed(1)} s`;
}

export function p50p99(values: readonly number[]): string {
  return `p50 ${inMs(percentile(values, 50))}, p99 ${inMs(percentile(values, 99))}`;
}

/** How long each of `count` calls took, one after another. */
export async function timed(count: number, signal: AbortSignal, act: (index: number) => Promise<unknown>): Promise<number[]> {
  const times: number[] = [];
  for (let index = 0; index < count; index += 1) {
    signal.throwIfAborted();
    const startedAt = performance.now();
    await act(index);
    times.push(performance.now() - startedAt);
  }
  return times;
}

export function table(figures: readonly Figure[]): string {
  const cells = (figure: Figure) => [figure.what, figure.farhand, figure.podman ?? "", figure.bare ?? "", figure.codex ?? ""];
  const rows = [["What", "Farhand", "`podman`", "bare", "`codex exec`"], ["---", "---", "---", "---", "---"], ...figures.map(cells)];
  return rows.map((row) => `| ${row.map((cell) => cell.replaceAll("|", "\\|").replaceAll("\n", " ")).join(" | ")} |`).join("\n");
}
