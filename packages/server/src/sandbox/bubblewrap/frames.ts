/**
 * What worker and agent say to each other: u32 length of the rest, u8 type, u32 command, payload; little endian.
 * Output and input flow by credit: each side sends only as many bytes of a command as the other has granted.
 */
export const FRAME = {
  exec: 1,
  stdin: 2,
  stdinEnd: 3,
  signal: 4,
  credit: 5,
  hello: 16,
  stdout: 17,
  stderr: 18,
  /** The process ended; output may follow. Payload: 0 and the exit code, or 1 and the signal's number. */
  exited: 19,
  /** The last frame of a command. */
  done: 20,
  stdinCredit: 21,
  stdinClosed: 22,
} as const;

export const MAX_PAYLOAD = 64 * 1024;
/** argv and variables of one command, as JSON. */
export const MAX_EXEC = 4 * 1024 * 1024;
/** Bytes of one command that may be on their way in either direction. */
export const WINDOW = 256 * 1024;

export function frame(type: number, id: number, payload: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(9 + payload.length);
  bytes.writeUInt32LE(5 + payload.length, 0);
  bytes.writeUInt8(type, 4);
  bytes.writeUInt32LE(id, 5);
  bytes.set(payload, 9);
  return bytes;
}

export function u32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32LE(value, 0);
  return bytes;
}

/** The agent broke the protocol: it has been taken over or is out of its mind. */
export class ProtocolViolation extends Error {
  override readonly name = "ProtocolViolation";
}

/** Cuts a stream of bytes into frames. Throws ProtocolViolation on a length that no honest agent sends. */
export function frameReader(receive: (type: number, id: number, payload: Buffer) => void): (bytes: Buffer) => void {
  let unread: Buffer = Buffer.alloc(0);
  return (bytes) => {
    unread = unread.length === 0 ? bytes : Buffer.concat([unread, bytes]);
    while (unread.length >= 4) {
      const length = unread.readUInt32LE(0);
      if (length < 5 || length > 5 + MAX_PAYLOAD) throw new ProtocolViolation(`frame of ${length} bytes`);
      if (unread.length < 4 + length) return;
      receive(unread.readUInt8(4), unread.readUInt32LE(5), unread.subarray(9, 4 + length));
      unread = unread.subarray(4 + length);
    }
  };
}
