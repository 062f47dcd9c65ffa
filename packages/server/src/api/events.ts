import { setTimeout } from "node:timers/promises";
import { EventPage, TaskSummary, type User } from "@farhand/protocol";
import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { readEvents } from "../store/event-log.ts";
import { getTask, tasksById, waitingTasks } from "../store/tasks.ts";
import { accessOf, callerOf } from "./auth.ts";
import { type EventStream, openEventStream } from "./event-stream.ts";
import type { Api, ApiParts } from "./parts.ts";
import { problemAnswers } from "./problems.ts";

/** A task that writes much output changes often; the list hears of it this often at most. */
const PAUSE_MS = 250;
const MOST_WAITING = 100;
const query = z.object({
  /** Of the stream: whether it tells what models write as well, as it comes. Such data has no number. */
  writing: z.enum(["true", "false"]).optional(),
  after: z.coerce.number().int().min(0).optional(),
  limit: z.coerce.number().int().min(1).max(500).default(500),
});

/** What happens, as it happens: to one task, or in the list. */
export function eventRoutes(app: Api, { db, feeds, access, limits }: ApiParts): void {
  const closing = new AbortController();
  app.addHook("preClose", async () => closing.abort());

  app.get(
    "/tasks/:task/events",
    {
      schema: {
        summary:
          "The task's events from after `Last-Event-ID` or `after`: a server-sent event stream, or one page with Accept: application/json. With `writing=true` the stream also tells what models are writing, as it comes: data without a number, of which nothing is kept",
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
      const stream = openEventStream(reply);
      const end = endOf(request, stream);
      const tellWriting = () => request.query.writing === "true" && feeds.onWriting(id, stream.offer, end);
      try {
        for await (const event of feeds.follow(id, after, end, tellWriting)) await stream.send(event, event.seq);
      } catch (error) {
        request.log.warn({ err: error }, "an event stream broke off; its reader takes it up again");
      } finally {
        stream.end();
      }
    },
  );

  app.get(
    "/events",
    {
      schema: {
        summary:
          "Your tasks (administrators: all) as they change: a server-sent event stream, each event a task as in the list. Read the list after each time the stream opens",
        produces: ["text/event-stream"],
        response: { 200: TaskSummary, ...problemAnswers },
      },
    },
    async (request, reply) => {
      const caller = callerOf(request);
      const stream = openEventStream(reply);
      try {
        await sendChanges(caller, stream, endOf(request, stream));
      } catch (error) {
        request.log.warn({ err: error }, "a stream of the list broke off; its reader takes it up again");
      } finally {
        stream.end();
      }
    },
  );

  /** When the reader goes, what let them in ends, or the service stops. */
  function endOf(request: FastifyRequest, stream: EventStream): AbortSignal {
    return AbortSignal.any([stream.signal, closing.signal, access.untilEnd(accessOf(request), stream.signal)]);
  }

  /** Ends with `end`, or when changes may have been missed. */
  async function sendChanges(user: User, stream: EventStream, end: AbortSignal): Promise<void> {
    const changed = new Set<string>();
    const known = new Map<string, string>();
    const missed = new AbortController();
    const stop = AbortSignal.any([end, missed.signal]);
    let wake = () => {};
    stop.addEventListener("abort", () => wake(), { once: true });
    feeds.onChange((task) => {
      if (task === null) return missed.abort();
      changed.add(task);
      wake();
    }, stop);
    while (!stop.aborted) {
      if (changed.size === 0)
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      await setTimeout(PAUSE_MS, undefined, { signal: stop }).catch(() => {});
      const ids = [...changed];
      changed.clear();
      if (stop.aborted) return;
      if (await tell(ids)) await tell(await waitingTasks(db, user, MOST_WAITING)); // what one task begins or ends changes why others wait
    }

    /** Whether there was anything new. */
    async function tell(ids: readonly string[]): Promise<boolean> {
      let isNew = false;
      for (const task of await tasksById(db, user, ids, limits)) {
        const shown = JSON.stringify({ ...task, updatedAt: null });
        if (known.get(task.id) === shown) continue;
        known.set(task.id, shown);
        isNew = true;
        await stream.send(task);
      }
      return isNew;
    }
  }
}
