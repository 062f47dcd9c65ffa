import type { DiffStats, TaskStatus } from "@farhand/protocol";

/** As `850 ms`, `1.3 s`, `2 min 5 s`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}

/** As `2m ago`. A clock that runs ahead of ours gives `just now`. */
export function ago(at: string, now: number): string {
  const seconds = Math.max(0, Math.round((now - Date.parse(at)) / 1000));
  if (seconds < 5) return "just now";
  if (seconds < 60) return `${seconds}s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)}h ago`;
  return `${Math.floor(seconds / 86_400)}d ago`;
}

/** As `+2/-1 • 1 file`. */
export function statsInWords(stats: DiffStats | null): string {
  if (!stats || stats.files === 0) return "no changes";
  return `+${stats.added}/-${stats.removed} • ${count(stats.files, "file")}`;
}

export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

export function bytesInWords(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  return bytes < 1024 * 1024 ? `${(bytes / 1024).toFixed(1)} KB` : `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}

/** There is a result to look at or it is published already: what `status`, `watch` and `exec --wait` exit with 0 for. */
export function isGood(status: TaskStatus): boolean {
  return status === "ready" || status === "answered" || status === "published" || status === "open" || status === "merged";
}
