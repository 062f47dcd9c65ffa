import { newId } from "../domain/id.ts";
import { UserError } from "../domain/user-error.ts";
import { type Queries, sql } from "./db.ts";

const CHUNK_BYTES = 256 * 1024;

export type BlobKind = "patch" | "output" | "checkpoint";

/** Bytes that must survive the worker's disk, in chunks. Nothing can be read before `close`. Every statement may be repeated. */
export interface BlobWriter {
  readonly id: string;
  write(bytes: Uint8Array): Promise<void>;
  /** `truncated` = more came than `maxBytes`, and was dropped. */
  close(): Promise<{ bytes: number; truncated: boolean }>;
}

export async function openBlob(db: Queries, taskId: string, kind: BlobKind, maxBytes: number): Promise<BlobWriter> {
  const id = newId("blob");
  await db.query(sql`insert into blob (id, task_id, kind) values (${id}, ${taskId}, ${kind}) on conflict do nothing`);
  let pending: Uint8Array[] = [];
  let pendingBytes = 0;
  let total = 0;
  let truncated = false;
  let number = 0;
  async function flush(): Promise<void> {
    if (pendingBytes === 0) return;
    const bytes = Buffer.concat(pending);
    pending = [];
    pendingBytes = 0;
    await db.query(sql`insert into blob_chunk (blob_id, number, bytes) values (${id}, ${number++}, ${bytes}) on conflict do nothing`);
  }
  return {
    id,
    async write(bytes) {
      const room = Math.min(bytes.length, maxBytes - total);
      truncated ||= room < bytes.length;
      for (let from = 0; from < room; ) {
        const part = bytes.slice(from, Math.min(room, from + CHUNK_BYTES - pendingBytes));
        pending.push(part);
        pendingBytes += part.length;
        total += part.length;
        from += part.length;
        if (pendingBytes >= CHUNK_BYTES) await flush();
      }
    },
    async close() {
      await flush();
      await db.query(sql`update blob set bytes = ${total}, truncated = ${truncated} where id = ${id}`);
      return { bytes: total, truncated };
    },
  };
}

/** The whole blob, chunk by chunk. Throws UserError `not-found` where there is none of this kind in this task, it is not whole, or its time was over. */
export async function readBlob(
  db: Queries,
  taskId: string,
  id: string,
  kind: BlobKind,
): Promise<{ bytes: number; chunks: AsyncIterable<Uint8Array> }> {
  const [row] = await db.query<{ bytes: number; removed_at: Date | null }>(
    sql`select bytes, removed_at from blob where id = ${id} and task_id = ${taskId} and kind = ${kind} and bytes is not null`,
  );
  if (!row) throw new UserError("not-found", `there is no ${kind} ${id} in task ${taskId}`);
  if (row.removed_at)
    throw new UserError("not-found", `this ${kind} was removed on ${row.removed_at.toISOString().slice(0, 10)}, as all old ones are`);
  return { bytes: row.bytes, chunks: chunksOf(db, id) };
}

async function* chunksOf(db: Queries, id: string): AsyncGenerator<Uint8Array> {
  for (let number = 0; ; number++) {
    const [chunk] = await db.query<{ bytes: Buffer }>(sql`select bytes from blob_chunk where blob_id = ${id} and number = ${number}`);
    if (!chunk) return;
    yield chunk.bytes;
  }
}

export async function wholeBlob(db: Queries, taskId: string, id: string, kind: BlobKind): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of (await readBlob(db, taskId, id, kind)).chunks) parts.push(part);
  return Buffer.concat(parts);
}
