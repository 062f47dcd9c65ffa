import { createReadStream } from "node:fs";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip, createGzip } from "node:zlib";
import { StartupError } from "../config.ts";

/** A file in an archive. It is held in memory, so what is large comes in parts. */
export type Entry = { name: string; bytes: Buffer };

const BLOCK = 512;
/** Nothing that we write is longer; a larger number can only come from a damaged file. */
const LARGEST_ENTRY = 64 * 1024 * 1024;
const EMPTY = Buffer.alloc(0);

/**
 * Writes a compressed tar of these entries, readable for its owner only, that appears under its name whole or not at all. Throws StartupError where it
 * cannot be written.
 */
export async function writeArchive(path: string, entries: AsyncIterable<Entry>, signal: AbortSignal): Promise<number> {
  const draft = join(dirname(path), `.${basename(path)}.${process.pid}.unfinished`);
  const file = await open(draft, "wx", 0o600).catch((error: Error) => {
    throw new StartupError(`${path} cannot be written: ${error.message}`, { cause: error });
  });
  try {
    await pipeline(Readable.from(tar(entries)), createGzip({ level: 3 }), into(file), { signal });
    await file.sync();
    const { size } = await file.stat();
    await file.close();
    await rename(draft, path);
    const folder = await open(dirname(path), "r");
    await folder.sync();
    await folder.close();
    return size;
  } catch (error) {
    await file.close().catch(() => {});
    await rm(draft, { force: true });
    throw error;
  }
}

const into = (file: FileHandle) => async (chunks: AsyncIterable<Buffer>) => {
  for await (const chunk of chunks) await file.writeFile(chunk); // at the end of what was written
};

async function* tar(entries: AsyncIterable<Entry>): AsyncGenerator<Buffer> {
  for await (const { name, bytes } of entries) {
    yield header(name, bytes.length);
    yield bytes;
    yield Buffer.alloc((BLOCK - (bytes.length % BLOCK)) % BLOCK);
  }
  yield Buffer.alloc(2 * BLOCK);
}

function header(name: string, bytes: number): Buffer {
  const block = Buffer.alloc(BLOCK);
  if (Buffer.byteLength(name) > 99) throw new Error(`too long a name: ${name}`);
  block.write(name, 0);
  block.write("0000600\x000000000\x000000000\0", 100);
  block.write(`${bytes.toString(8).padStart(11, "0")}\x00${"0".repeat(11)}\x00        0`, 124);
  block.write("ustar\x0000", 257);
  block.write(
    `${block
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, "0")}\0 `,
    148,
  );
  return block;
}

/** The entries in their order. Throws StartupError where the file is none of ours or is not whole. */
export async function* readArchive(path: string, signal: AbortSignal): AsyncGenerator<Entry> {
  const source = createReadStream(path, { signal });
  const bytes = source.pipe(createGunzip());
  source.on("error", (error) => bytes.destroy(error));
  const block = reader(bytes);
  try {
    for (;;) {
      const head = await block(BLOCK);
      if (head.every((byte) => byte === 0)) return;
      const name = head.toString("utf8", 0, head.indexOf(0));
      const size = Number.parseInt(head.toString("latin1", 124, 135), 8);
      if (head.toString("latin1", 257, 262) !== "ustar" || !(size >= 0 && size <= LARGEST_ENTRY)) throw new Error("it is damaged");
      const content = await block(size);
      await block((BLOCK - (size % BLOCK)) % BLOCK);
      yield { name, bytes: content };
    }
  } catch (error) {
    signal.throwIfAborted();
    throw new StartupError(`${path} cannot be read as a backup: ${(error as Error).message}`, { cause: error });
  } finally {
    source.destroy();
    bytes.destroy();
  }
}

/** Takes so many bytes at a time from a stream. */
function reader(stream: AsyncIterable<Buffer>): (bytes: number) => Promise<Buffer> {
  const chunks = stream[Symbol.asyncIterator]();
  let rest: Buffer = EMPTY;
  return async (bytes) => {
    const parts = [rest];
    let have = rest.length;
    while (have < bytes) {
      const { done, value } = await chunks.next();
      if (done) throw new Error("it ends too soon");
      parts.push(value);
      have += value.length;
    }
    const all = parts.length === 1 ? rest : Buffer.concat(parts, have);
    rest = all.subarray(bytes);
    return all.subarray(0, bytes);
  };
}
