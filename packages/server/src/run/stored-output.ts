import type { OutputSink } from "../engine/engine.ts";
import { type BlobWriter, openBlob } from "../store/blobs.ts";
import type { Queries } from "../store/db.ts";

/** Keeps a command's output as a blob of the task; nothing is stored for a command that prints nothing. */
export function storedOutput(db: Queries, taskId: string, maxBytes: number): OutputSink {
  let blob: BlobWriter | null = null;
  return {
    async write(bytes) {
      blob ??= await openBlob(db, taskId, "output", maxBytes);
      await blob.write(bytes);
    },
    async close() {
      return blob && { blob: blob.id, ...(await blob.close()) };
    },
  };
}
