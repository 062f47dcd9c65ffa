/** A text file as its bytes say it. `encode` gives back exactly the bytes of a text that was not changed. */
export type TextFile = { text: string; eol: "\n" | "\r\n"; encode(text: string): Buffer };

const SIGNATURES: readonly [string, string][] = [
  ["89504e470d0a1a0a", "PNG image"],
  ["ffd8ff", "JPEG image"],
  ["47494638", "GIF image"],
  ["25504446", "PDF document"],
  ["504b0304", "ZIP archive"],
  ["1f8b", "gzip archive"],
  ["7f454c46", "ELF program"],
  ["53514c69746520666f726d6174", "SQLite database"],
  ["0061736d", "WebAssembly module"],
];

/** null = binary. UTF-8 where it is valid, else Latin-1, which loses no byte. */
export function textFile(bytes: Uint8Array): TextFile | null {
  if (bytes.includes(0)) return null;
  const text = utf8(bytes);
  if (text !== null) return { text, eol: eolOf(text), encode: (changed) => Buffer.from(changed, "utf8") };
  const latin = Buffer.from(bytes).toString("latin1");
  const controls = latin.match(/[\x01-\x08\x0e-\x1a\x1c-\x1f]/g)?.length ?? 0;
  if (controls * 20 > latin.length) return null;
  return { text: latin, eol: eolOf(latin), encode: toLatin1 };
}

/** What a binary file is, by its first bytes. */
export function binaryKind(bytes: Uint8Array): string {
  const start = Buffer.from(bytes.subarray(0, 16)).toString("hex");
  return SIGNATURES.find(([signature]) => start.startsWith(signature))?.[1] ?? "binary file";
}

/** The beginning of a text may end within a character; those bytes are left out. */
export function withoutHalfCharacter(bytes: Buffer): Buffer {
  for (let back = 1; back <= 3 && back <= bytes.length; back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte >= 0xc0) return back < (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2) ? bytes.subarray(0, -back) : bytes;
    if (byte < 0x80) return bytes;
  }
  return bytes;
}

function utf8(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

/** The end of line that most of its lines have. */
function eolOf(text: string): TextFile["eol"] {
  const windows = text.match(/\r\n/g)?.length ?? 0;
  const all = text.match(/\n/g)?.length ?? 0;
  return windows * 2 > all ? "\r\n" : "\n";
}

function toLatin1(text: string): Buffer {
  if (/[^\x00-\xff]/.test(text)) throw new Error("the file is in Latin-1, which has no sign for some characters of the new text");
  return Buffer.from(text, "latin1");
}
