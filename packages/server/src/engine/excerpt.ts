/** The beginning and the end of a text of any length, in bounded memory. */
export class Excerpt {
  readonly #chars: number;
  #head = "";
  #tail = "";
  #leftOut = 0;

  /** Keeps `chars` characters, half from the beginning, half from the end. */
  constructor(chars: number) {
    this.#chars = Math.floor(chars / 2);
  }

  append(text: string): void {
    const [head, rest] = split(text, this.#leftOut > 0 || this.#tail !== "" ? 0 : this.#chars - this.#head.length);
    this.#head += head;
    this.#tail += rest;
    if (this.#tail.length <= 2 * this.#chars) return; // cut now and then, not at every character
    const [left, kept] = split(this.#tail, this.#tail.length - this.#chars);
    this.#leftOut += Buffer.byteLength(left);
    this.#tail = kept;
  }

  /** With a line in the place of what is left out. */
  toString(): string {
    const [left, tail] = split(this.#tail, Math.max(0, this.#tail.length - this.#chars));
    const bytes = this.#leftOut + Buffer.byteLength(left);
    return bytes === 0 ? this.#head + tail : `${this.#head}\n[... ${bytes} bytes of output are left out here ...]\n${tail}`;
  }
}

/** Cuts after `length` characters, or one before where that would halve a surrogate pair. */
export function split(text: string, length: number): [string, string] {
  const halves = length > 0 && length < text.length && /[\ud800-\udbff]/.test(text[length - 1] ?? "");
  const at = halves ? length - 1 : length;
  return [text.slice(0, at), text.slice(at)];
}
