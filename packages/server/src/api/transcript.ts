import { Readable } from "node:stream";
import { emptyTranscript, reduce, type TaskEvent } from "@farhand/protocol";
import { z } from "zod";
import { redactedValue } from "../domain/redact.ts";
import { transcriptMarkdown } from "../domain/transcript-text.ts";
import type { Queries } from "../store/db.ts";
import { readEvents } from "../store/event-log.ts";
import { getTask } from "../store/tasks.ts";
import { callerOf } from "./auth.ts";
import type { Api, ApiParts } from "./parts.ts";
import { problemAnswers } from "./problems.ts";

const TYPES = { markdown: "text/markdown; charset=utf-8", jsonl: "application/jsonl; charset=utf-8" };
const ENDINGS = { markdown: "md", jsonl: "jsonl" };

/** A task's transcript as a file. */
export function transcriptRoutes(app: Api, { db, limits }: ApiParts): void {
  app.get(
    "/tasks/:task/transcript",
    {
      schema: {
        summary: "The transcript so far as Markdown, or as JSON Lines with each event; what looks like a secret is left out",
        params: z.object({ task: z.string().min(1).max(100) }),
        querystring: z.object({ format: z.enum(["markdown", "jsonl"]).default("markdown") }),
        produces: ["text/markdown", "application/jsonl"],
        response: { 200: z.instanceof(Readable), ...problemAnswers },
      },
    },
    async (request, reply) => {
      const { id } = await getTask(db, callerOf(request), request.params.task, limits);
      const { format } = request.query;
      reply.type(TYPES[format]).header("content-disposition", `attachment; filename="${id}.${ENDINGS[format]}"`);
      return reply.send(Readable.from(format === "jsonl" ? lines(db, id) : [await markdown(db, id)]));
    },
  );
}

async function* events(db: Queries, task: string): AsyncGenerator<TaskEvent> {
  for (let after = 0; ; ) {
    const page = await readEvents(db, task, after);
    if (page.length === 0) return;
    yield* page.map(redactedValue);
    after = page.at(-1)?.seq ?? after;
  }
}

async function* lines(db: Queries, task: string): AsyncGenerator<string> {
  for await (const event of events(db, task)) yield `${JSON.stringify(event)}\n`;
}

async function markdown(db: Queries, task: string): Promise<string> {
  const view = emptyTranscript();
  for await (const event of events(db, task)) reduce(view, event);
  return transcriptMarkdown(view);
}
