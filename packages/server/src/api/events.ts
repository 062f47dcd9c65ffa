import { EventPage } from "@farhand/protocol";
import { z } from "zod";
import { readEvents } from "../store/event-log.ts";
import { getTask } from "../store/tasks.ts";
import { callerOf } from "./auth.ts";
import type { Api, ApiParts } from "./parts.ts";
import { problemAnswers } from "./problems.ts";

const HEARTBEAT_MS = 15_000;
const query = z.object({ after: z.coerce.number().int().min(0).optional(), limit: z.coerce.number().int().min(1).max(500).default(500) });

/** A task's log: as a stream that goes on, or in pages where JSON is asked for. */
export function eventRoutes(app: Api, { db, feeds, limits }: ApiParts): void {
  const closing = new AbortController();
  app.addHook("preClose", async () => closing.abort());

  app.get(
    "/tasks/:task/events",
    {
      schema: {
        summary:
          "The task's events from after `Last-Event-ID` or `after`: a server-sent event stream, or one page with Accept: application/json",
        params: z.object({ task: z.string().min(1).max(100) }),
        querystring: query,
        produces: ["text/event-stream", "application/json"],
        response: { 200: EventPage, ...problemAnswers },
      },
    },
    async (request, reply) => {
      const { id } = await getTask(db, callerOf(request), request.params.task, limits);
      const after = request.query.after ?? Number(/^\d{1,9}$/.exec(String(request.headers["last-event-id"] ?? ""))?.[0] ?? 0);
      if (/\bapplication\/json\b/.test(request.headers.accept ?? ""))
        return { events: await readEvents(db, id, after, request.query.limit) };
      reply.hijack();
      const stream = reply.raw;
      const gone = new AbortController();
      stream.on("close", () => gone.abort());
      stream.on("error", () => gone.abort());
      stream.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store", "x-accel-buffering": "no" });
      stream.write(": hello\n\n");
      const heartbeat = setInterval(() => stream.write(":\n\n"), HEARTBEAT_MS);
      try {
        for await (const event of feeds.follow(id, after, AbortSignal.any([gone.signal, closing.signal]))) {
          const room = stream.write(`id: ${event.seq}\ndata: ${JSON.stringify(event)}\n\n`);
          if (!room && !gone.signal.aborted)
            await new Promise<void>((resolve) => void stream.once("drain", resolve).once("close", resolve));
        }
      } catch (error) {
        request.log.warn({ err: error }, "an event stream broke off; its reader takes it up again");
      } finally {
        clearInterval(heartbeat);
        stream.end();
      }
    },
  );
}
