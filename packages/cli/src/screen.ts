import type { Writable } from "node:stream";

export type Style = "bold" | "dim" | "red" | "green" | "yellow" | "cyan";

const CODES: Record<Style, [number, number]> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
};

type Terminal = Writable & { isTTY?: boolean; columns?: number };

/** Where the user reads. */
export type Screen = {
  colour: boolean;
  /** The output is a terminal that can be drawn on: a progress line is shown. */
  interactive: boolean;
  /** Columns; of a pipe 80. */
  width(): number;
  /** Resolves when the reader has taken it, so that a slow reader slows us and fills no memory. */
  out(text: string | Uint8Array): Promise<void>;
  /** The reader is behind: what can be left out is better left out. */
  behind(): boolean;
  err(text: string): void;
  /** Our own words in a style, where there are colours. */
  style(style: Style, text: string): string;
};

export type ColourChoice = boolean | undefined;

/** `choice` is --color or --no-color; else colours are used in a terminal, unless NO_COLOR is set. */
export function openScreen(stdout: Terminal, stderr: Terminal, env: NodeJS.ProcessEnv, choice: ColourChoice): Screen {
  const terminal = stdout.isTTY === true && env.TERM !== "dumb";
  const colour = choice ?? (terminal && !env.NO_COLOR);
  return {
    colour,
    interactive: terminal,
    width: () => stdout.columns || 80,
    out: (text) =>
      new Promise((resolve) => {
        if (stdout.write(text)) resolve();
        else stdout.once("drain", resolve);
      }),
    behind: () => stdout.writableNeedDrain,
    err: (text) => void stderr.write(text),
    style: (style, text) => (colour ? `\x1b[${CODES[style][0]}m${text}\x1b[${CODES[style][1]}m` : text),
  };
}
