/**
 * Text from a task is hostile: a terminal obeys control sequences (titles, clipboard, cursor, even answers typed for the user). What comes out of here holds
 * printable characters, tabs, newlines and, with `colour`, sequences that set colours; everything else is shown as visible text such as ^[ or <U+202E>.
 */
export class SafeText {
  readonly #colour: boolean;
  /** The beginning of a sequence whose end comes with the next piece. */
  #held = "";
  /** Colours that are on, for whoever interrupts the text and goes on with it. */
  #active: string[] = [];

  constructor(colour: boolean) {
    this.#colour = colour;
  }

  /** Pieces may be cut anywhere, also within a sequence. */
  write(piece: string): string {
    const text = this.#held + piece;
    const cut = text.search(/\x1b(?:\[[0-9;:]{0,60})?$|[\r\ud800-\udbff]$/);
    this.#held = cut === -1 ? "" : text.slice(cut);
    return this.#shown(cut === -1 ? text : text.slice(0, cut));
  }

  /** What is still held back, at the end of the text or of a line; the next piece begins anew. */
  end(): string {
    const rest = this.#held === "\r" ? "" : this.#shown(this.#held);
    this.#held = "";
    return rest;
  }

  /** Turns colours off, if any are on. */
  pause(): string {
    return this.#active.length > 0 ? "\x1b[0m" : "";
  }

  /** Turns them on again. */
  resume(): string {
    return this.#active.join("");
  }

  #shown(text: string): string {
    return text.toWellFormed().replace(UNSAFE, (found) => {
      if (found === "\r\n" || found === "\r") return "\n";
      const parameters = /^\x1b\[([0-9;:]*)m$/.exec(found)?.[1];
      if (parameters === undefined) return inWords(found);
      if (!this.#colour) return "";
      const kept = colours(parameters);
      if (kept === null) return "";
      const sequence = `\x1b[${kept}m`;
      this.#active = kept === "" || kept === "0" ? [] : [...this.#active.slice(-7), sequence];
      return sequence;
    });
  }
}

/** Whole text at once; colours that it leaves on are turned off. */
export function safe(text: string, colour = false): string {
  const pieces = new SafeText(colour);
  return pieces.write(text) + pieces.end() + pieces.pause();
}

/** One line: a title, a name, an error. */
export function safeLine(text: string): string {
  return safe(text)
    .replace(/\s*\n\s*/g, " ")
    .trim();
}

/** JSON that a terminal shows as it is: JSON escapes the old control characters only. */
export function safeJson(value: unknown, indent?: number): string {
  const escaped = (found: string) =>
    Array.from({ length: found.length }, (_, at) => `\\u${found.charCodeAt(at).toString(16).padStart(4, "0")}`).join("");
  return JSON.stringify(value, null, indent).replace(INVISIBLE, escaped);
}

/** Delete, the C1 controls, separators and marks that change direction, invisible joiners, and tags. */
const INVISIBLE = /[\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|\udb40[\udc00-\udc7f]/g;

const UNSAFE = new RegExp(`\\x1b\\[[0-9;:]*m|\\r\\n?|[\\x00-\\x08\\x0b-\\x1f]|${INVISIBLE.source}`, "g");

function inWords(found: string): string {
  const code = found.codePointAt(0) ?? 0;
  if (code < 0x20) return `^${String.fromCharCode(code + 0x40)}`;
  if (code === 0x7f) return "^?";
  return code < 0xa0 ? `\\x${code.toString(16)}` : `<U+${code.toString(16).toUpperCase().padStart(4, "0")}>`;
}

/** The parameters without blinking and concealing; null = nothing is left. */
function colours(parameters: string): string | null {
  if (parameters === "" || parameters.length > 60) return parameters === "" ? "" : null;
  const given = parameters.split(";");
  const kept: string[] = [];
  for (let at = 0; at < given.length; at++) {
    const one = given[at] ?? "";
    if (one === "38" || one === "48") {
      const length = given[at + 1] === "5" ? 3 : given[at + 1] === "2" ? 5 : 0;
      if (length === 0 || at + length > given.length) return null;
      kept.push(...given.slice(at, at + length));
      at += length - 1;
    } else if (/^(?:0*|0?[1-479]|2[1-79]|3[0-79]|4[0-79]|9[0-7]|10[0-7]|(?:[345]8|4):[0-9:]+)$/.test(one)) kept.push(one);
  }
  return kept.length > 0 ? kept.join(";") : null;
}
