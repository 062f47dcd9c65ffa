import { visibleText } from "./visible-text.ts";

/** A piece of a line with one look. `style` holds class names of ours only. */
export type Span = { text: string; style: string };
export type Line = Span[];

const COLOURS = ["ink", "bad", "good", "warn", "run", "magenta", "cyan", "ink-2"] as const;
type Colour = (typeof COLOURS)[number] | null;
type Look = { colour: Colour; bold: boolean; dim: boolean; italic: boolean; underline: boolean; inverse: boolean };
const PLAIN: Look = { colour: null, bold: false, dim: false, italic: false, underline: false, inverse: false };

/**
 * Output of a command as lines for the page: colours become our own classes, a carriage return begins its line anew as a terminal would, and every other
 * control sequence is left out or shown as visible text. Pieces may be cut anywhere. `lines` grows in place; its last line is replaced as it grows.
 */
export class AnsiLines {
  readonly lines: Line[] = [[]];
  #look = PLAIN;
  #held = "";
  #return = false;

  write(piece: string): void {
    const text = this.#held + piece;
    const cut = text.search(/\x1b(?:\[[0-9;:?]{0,60}|\][^\x07\x1b]{0,300})?$/);
    this.#held = cut === -1 ? "" : text.slice(cut);
    const ready = cut === -1 ? text : text.slice(0, cut);
    let from = 0;
    for (const found of ready.matchAll(TOKEN)) {
      this.#add(ready.slice(from, found.index));
      from = found.index + found[0].length;
      if (found[0] === "\n") this.lines.push([]);
      else if (found[0] === "\r") this.#return = true;
      else if (found[1] !== undefined) this.#look = changed(this.#look, found[1]);
      if (found[0] === "\n") this.#return = false;
    }
    this.#add(ready.slice(from));
  }

  #add(text: string): void {
    if (text === "") return;
    const last = this.lines.length - 1;
    const line = this.#return ? [] : (this.lines[last] ?? []);
    this.#return = false;
    this.lines[last] = [...line, { text: visibleText(text), style: classes(this.#look) }];
  }
}

/** Whole text at once. */
export function ansiLines(text: string): Line[] {
  const made = new AnsiLines();
  made.write(text);
  return made.lines;
}

const TOKEN =
  /\n|\r(?!\n)|\r(?=\n)|\x1b\[([0-9;:]*)m|\x1b\[[0-9;:?<=>]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[()][0-9A-Za-z]|\x1b[=>78cDEM]/g;

function changed(look: Look, parameters: string): Look {
  const given = parameters === "" ? [0] : parameters.split(";").map((one) => Number.parseInt(one, 10) || 0);
  let next = look;
  for (let at = 0; at < given.length; at++) {
    const one = given[at] ?? 0;
    if (one === 38 || one === 48) at += given[at + 1] === 5 ? 2 : 4;
    else next = withCode(next, one);
  }
  return next;
}

function withCode(look: Look, code: number): Look {
  if (code === 0) return PLAIN;
  if (code === 1) return { ...look, bold: true };
  if (code === 2) return { ...look, dim: true };
  if (code === 3) return { ...look, italic: true };
  if (code === 4) return { ...look, underline: true };
  if (code === 7) return { ...look, inverse: true };
  if (code === 22) return { ...look, bold: false, dim: false };
  if (code === 23) return { ...look, italic: false };
  if (code === 24) return { ...look, underline: false };
  if (code === 27) return { ...look, inverse: false };
  if (code === 39) return { ...look, colour: null };
  if (code >= 30 && code <= 37) return { ...look, colour: COLOURS[code - 30] ?? null };
  if (code >= 90 && code <= 97) return { ...look, colour: code === 90 ? "ink-2" : (COLOURS[code - 90] ?? null) };
  return look;
}

/** Written out whole, so that the style sheet has them. */
const COLOUR_CLASS: Record<NonNullable<Colour>, string> = {
  ink: "text-ink",
  bad: "text-bad",
  good: "text-good",
  warn: "text-warn",
  run: "text-run",
  magenta: "text-magenta",
  cyan: "text-cyan",
  "ink-2": "text-ink-2",
};

function classes(look: Look): string {
  if (look === PLAIN) return "";
  return [
    look.colour === null ? "" : COLOUR_CLASS[look.colour],
    look.bold ? "font-bold" : "",
    look.dim ? "text-ink-3" : "",
    look.italic ? "italic" : "",
    look.underline ? "underline" : "",
    look.inverse ? "bg-ink text-bg" : "",
  ]
    .filter(Boolean)
    .join(" ");
}
