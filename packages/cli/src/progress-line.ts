import type { Screen } from "./screen.ts";

const FRAMES = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const FRAME_MS = 100;
const CLEAR = "\r\x1b[K";

/**
 * A last line that moves while something is awaited; in a pipe there is none. All other output goes through `print` meanwhile. `text` is asked for at each
 * frame; null = nothing to show. Must be ended, or it keeps drawing.
 */
export function progressLine(screen: Screen, text: () => string | null) {
  let frame = 0;
  let shown = false;
  const line = () => {
    const words = text();
    const clear = shown ? CLEAR : "";
    shown = words !== null;
    if (words === null) return clear;
    const mark = FRAMES[frame++ % FRAMES.length] ?? "";
    return `${CLEAR}${screen.style("cyan", mark)} ${screen.style("dim", fit(words, screen.width() - 3))}`;
  };
  const draw = () => {
    if (screen.behind()) return; // a terminal stopped by Ctrl-S
    const drawn = line();
    if (drawn) void screen.out(drawn);
  };
  const timer = screen.interactive ? setInterval(draw, FRAME_MS) : null;
  timer?.unref();
  return {
    /** Whole lines, above the moving one. */
    print(lines: string): Promise<void> {
      if (!timer) return screen.out(lines);
      const above = shown ? `${CLEAR}${lines}` : lines;
      shown = false;
      return screen.out(above + line());
    },
    end(): void {
      if (timer) clearInterval(timer);
      if (shown) void screen.out(CLEAR);
      shown = false;
    },
  };
}

/** Cuts so that the text takes at most so many columns: a line that wraps could not be cleared. */
export function fit(text: string, columns: number): string {
  let used = 0;
  let kept = "";
  for (const character of text) {
    used +=
      /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|[\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u.test(
        character,
      )
        ? 2
        : 1;
    if (used > columns - 1) return `${kept}…`;
    kept += character;
  }
  return kept;
}
