/** Bytes that somebody pushes and somebody else pulls. */
export class ByteQueue implements AsyncIterable<Uint8Array> {
  readonly #waiting: Uint8Array[] = [];
  #closed = false;
  #wake: () => void = () => {};

  /** Too late is no error. */
  push(bytes: Uint8Array): void {
    if (this.#closed || bytes.length === 0) return;
    this.#waiting.push(bytes);
    this.#wake();
  }

  /** After what was pushed there comes nothing more. */
  close(): void {
    this.#closed = true;
    this.#wake();
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** For one reader. When it leaves, nothing more is kept. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        const bytes = this.#waiting.shift();
        if (bytes) yield bytes;
        else if (this.#closed) return;
        else await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    } finally {
      this.#closed = true;
      this.#waiting.length = 0;
    }
  }
}
