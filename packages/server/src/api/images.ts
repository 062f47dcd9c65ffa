import { MAX_IMAGE_BYTES, MAX_IMAGES } from "@farhand/protocol";
import { z } from "zod";
import { readImage } from "../store/images.ts";
import { getTask } from "../store/tasks.ts";
import { callerOf } from "./auth.ts";
import type { Api, ApiParts } from "./parts.ts";
import { problemAnswers } from "./problems.ts";

const number = z.coerce.number().int().min(1).max(1_000_000);
const which = z.object({ task: z.string().min(1).max(100), turn: number, number });

/** Of a request that brings a prompt with its pictures. */
export const MAX_BODY_WITH_IMAGES = 2 * 1024 * 1024 + Math.ceil((MAX_IMAGES * MAX_IMAGE_BYTES) / 3) * 4;

/** Opened by itself, a picture may do nothing: it came from somebody. */
const ALONE = "default-src 'none'; sandbox";

/** The pictures of a task's prompts, to those who may see the task. */
export function imageRoutes(app: Api, { db, limits }: ApiParts): void {
  app.get(
    "/tasks/:task/turns/:turn/images/:number",
    {
      schema: {
        summary: "A picture that came with the prompt of a turn",
        params: which,
        produces: ["image/png", "image/jpeg", "image/gif", "image/webp"],
        response: { 200: z.instanceof(Buffer), ...problemAnswers },
      },
    },
    async (request, reply) => {
      const { task, turn, number } = request.params;
      const { id } = await getTask(db, callerOf(request), task, limits);
      const { mediaType, bytes } = await readImage(db, id, turn, number);
      return reply
        .type(mediaType)
        .header("content-security-policy", ALONE)
        .header("cache-control", "private, max-age=86400, immutable")
        .send(bytes);
    },
  );
}
