/** Lines that are still coming are held back no longer than this. */
const MOST_HELD = 64 * 1024;
/** Lines that repeat the one above them are counted instead, where together they are longer than this. */
const REPEATED_CHARS = 80;

// In the order in which they are looked for: strings that end with BEL or ST, then control sequences, then single escapes.
const ESCAPES = /\x1b[\]PX^_][^\x07\x1b]{0,4096}(?:\x07|\x1b\\)?|(?:\x1b\[|\x9b)[0-?]{0,64}[ -/]{0,8}[@-~]?|\x1b[ -/]{0,8}[0-~]?/g;
/** What no text has; NUL has become its sign before, and what is no UTF-8 U+FFFD. */
const STRANGE = /[\x00-\x06\x0e-\x1a\x1c-\x1f\x7f\u2400\ufffd]/g;

/**
 * A command's output as a person reads it at a terminal: without escape sequences, of a line that was written over (a progress bar) what
 * stood there last, and a note in the place of what is binary or the same line again and again. Takes the text as it comes, gives whole lines.
 */
export class PlainText {
  #held = "";
  #binary = 0;
  #last: string | null = null;
  #repeats = 0;

  write(text: string): string {
    const at = text.lastIndexOf("\n");
    if (at < 0) {
      this.#held += text;
      return this.#held.length > MOST_HELD ? this.#release() : "";
    }
    const lines = (this.#held + text.slice(0, at)).split("\n");
    this.#held = text.slice(at + 1);
    return lines.map((line) => this.#line(line, "\n")).join("");
  }

  /** What is held back: the line that is not complete. To be called too when nothing more comes. */
  flush(): string {
    const rest = this.#held === "" ? "" : this.#line(this.#held, "");
    this.#held = "";
    return rest + this.#repeated() + this.#binaryNote();
  }

  /** A line without an end: of one that is written over only the last state is kept, another one is let go. */
  #release(): string {
    const overwritten = this.#held.lastIndexOf("\r", this.#held.length - 2);
    if (overwritten < 0) return this.flush();
    this.#held = this.#held.slice(overwritten);
    return this.#held.length > MOST_HELD ? this.flush() : "";
  }

  #line(raw: string, end: string): string {
    const strange = raw.replace(ESCAPES, "").match(STRANGE)?.length ?? 0;
    const isBinary = this.#binary > 0 ? strange > 0 || raw.length < 4 : strange * 10 > raw.length;
    if (isBinary) {
      this.#binary += Buffer.byteLength(raw) + end.length;
      return this.#repeated();
    }
    const line = plainLine(raw) + end;
    if (line === this.#last) {
      this.#repeats += 1;
      return "";
    }
    const before = this.#repeated() + this.#binaryNote();
    this.#last = end === "" ? null : line;
    return before + line;
  }

  /** What is to be said of the lines like the last one; the next line is then like none. */
  #repeated(): string {
    const [line, times] = [this.#last ?? "", this.#repeats];
    this.#last = null;
    this.#repeats = 0;
    return line.length * times <= REPEATED_CHARS ? line.repeat(times) : `[${times} more lines like the one above]\n`;
  }

  #binaryNote(): string {
    if (this.#binary === 0) return "";
    const note = `[about ${this.#binary} bytes of binary output]\n`;
    this.#binary = 0;
    return note;
  }
}

function plainLine(raw: string): string {
  const shown = raw.replace(ESCAPES, "").replace(/\r+$/, "");
  const last = shown.slice(shown.lastIndexOf("\r") + 1);
  return withBackspaces(last).replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, "");
}

/** As `man` prints bold letters, and as spinners turn. */
function withBackspaces(line: string): string {
  if (!line.includes("\b")) return line;
  const kept: string[] = [];
  for (const character of line) {
    if (character === "\b") kept.pop();
    else kept.push(character);
  }
  return kept.join("");
}
