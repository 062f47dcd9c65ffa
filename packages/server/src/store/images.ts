import type { Image } from "../domain/images.ts";
import { UserError } from "../domain/user-error.ts";
import { type Queries, sql } from "./db.ts";

/** Adds what came with the prompt of a turn, numbered from 1, in the caller's transaction. */
export async function addImages(tx: Queries, taskId: string, turn: number, images: readonly Image[]): Promise<void> {
  for (const [index, { mediaType, bytes }] of images.entries())
    await tx.query(sql`
      insert into turn_image (task_id, turn, number, media_type, bytes) values (${taskId}, ${turn}, ${index + 1}, ${mediaType}, ${bytes})`);
}

/** Throws UserError `not-found`. */
export async function readImage(db: Queries, taskId: string, turn: number, number: number): Promise<Image> {
  const [image] = await db.query<Image>(sql`
    select media_type as "mediaType", bytes from turn_image where task_id = ${taskId} and turn = ${turn} and number = ${number}`);
  if (!image) throw new UserError("not-found", `turn ${turn} of task ${taskId} has no image ${number}`);
  return image;
}
