import { Readable } from "node:stream";
import { NewPublication, NewTask, TaskPage, TaskPart, TaskSummary } from "@farhand/protocol";
import { z } from "zod";
import { crashAt } from "../crash.ts";
import { titleOf } from "../domain/branch.ts";
import { imagesOf } from "../domain/images.ts";
import { chooseModel } from "../domain/models.ts";
import { UserError } from "../domain/user-error.ts";
import { record } from "../store/audit.ts";
import { readBlob } from "../store/blobs.ts";
import { sql } from "../store/db.ts";
import { getEnvironment } from "../store/environments.ts";
import { modelList } from "../store/models.ts";
import { askPublication } from "../store/publications.ts";
import { cancelTask, createTask, getTask, listTasks, setArchived, stopTask } from "../store/tasks.ts";
import { callerOf } from "./auth.ts";
import { once } from "./idempotency.ts";
import { MAX_BODY_WITH_IMAGES } from "./images.ts";
import type { Api, ApiParts } from "./parts.ts";
import { problemAnswers } from "./problems.ts";

const byId = z.object({ task: z.string().min(1).max(100) });
const page = z.object({
  limit: z.coerce.number().int().min(1).max(100).default(20),
  cursor: z.string().max(200).optional(),
  environment: z.string().max(100).optional().describe("Name or id"),
  filter: TaskPart.optional().describe("open: active or to review. Default: all that are not archived"),
  repository: z.string().max(2048).optional().describe("Its address as the environment has it"),
  person: z.string().max(100).optional().describe("Id of who gave the task"),
  archived: z.enum(["true", "false"]).default("false").describe("true: the same as filter=archived"),
  query: z.string().trim().max(200).optional().describe("Text in the title, or in the name of the environment or creator"),
});

/** Tasks: give, look, cancel, archive, publish, and what came out. */
export function taskRoutes(app: Api, parts: ApiParts): void {
  const { db, limits } = parts;

  app.post(
    "/tasks",
    {
      bodyLimit: MAX_BODY_WITH_IMAGES,
      schema: { summary: "Give a task", body: NewTask, response: { 201: TaskSummary, ...problemAnswers } },
    },
    async (request, reply) => {
      const caller = callerOf(request);
      const { prompt, mode, effort, priority, attempts, limits: turnLimits } = request.body;
      if (priority > 0 && caller.role !== "administrator")
        throw new UserError("forbidden", "only administrators may raise the priority of a task");
      const environment = await getEnvironment(db, request.body.environment);
      const title = request.body.title ?? titleOf(prompt);
      const images = imagesOf(request.body.images ?? []);
      const created = await once(db, caller, request, async (tx) => {
        const { name: model } = chooseModel(await modelList(tx), request.body.model, effort);
        const ref = request.body.ref ?? null;
        const titleGiven = request.body.title !== undefined;
        const modelGiven = request.body.model !== undefined;
        const work = { environment, title, titleGiven, prompt, ref, mode, model, modelGiven, effort, priority, attempts };
        const id = await createTask(tx, caller, { ...work, images, limits: turnLimits });
        await record(tx, caller.id, "task.created", id);
        const task = await getTask(tx, caller, id, limits);
        crashAt("submit: committing");
        return task;
      });
      crashAt("submit: committed");
      return reply.code(201).send(created);
    },
  );

  app.get(
    "/tasks",
    { schema: { summary: "Your tasks, newest first", querystring: page, response: { 200: TaskPage, ...problemAnswers } } },
    async (request) => {
      const { limit, cursor, environment, repository = null, person = null, query } = request.query;
      const view = request.query.filter ?? (request.query.archived === "true" ? "archived" : null);
      const within = environment === undefined ? null : (await getEnvironment(db, environment)).id;
      return listTasks(
        db,
        callerOf(request),
        { view, environment: within, repository, person, query: query || null },
        cursor ?? null,
        limit,
        limits,
      );
    },
  );

  app.get(
    "/tasks/:task",
    { schema: { summary: "One task", params: byId, response: { 200: TaskSummary, ...problemAnswers } } },
    async (request) => getTask(db, callerOf(request), request.params.task, limits),
  );

  const deeds = {
    cancel: ["End a task that waits or runs, and throw away what it did", cancelTask],
    stop: ["End the work of a task, and keep what it did", stopTask],
    archive: ["Put a finished task away", (...[tx, user, id]: Deed) => setArchived(tx, user, id, true)],
    unarchive: ["Take a task back out of the archive", (...[tx, user, id]: Deed) => setArchived(tx, user, id, false)],
  } as const;
  for (const [name, [summary, act]] of Object.entries(deeds)) {
    app.post(
      `/tasks/:task/${name}`,
      { schema: { summary, params: byId, response: { 200: TaskSummary, ...problemAnswers } } },
      async (request) => {
        const caller = callerOf(request);
        const { id } = await getTask(db, caller, request.params.task, limits);
        await db.transaction(async (tx) => {
          await act(tx, caller, id);
          await record(tx, caller.id, `task.${name}`, id);
        });
        if (name === "cancel") crashAt("cancel: committed");
        return getTask(db, caller, id, limits);
      },
    );
  }

  app.post(
    "/tasks/:task/publication",
    {
      schema: {
        summary: "Publish the change as a branch; again after a failure",
        params: byId,
        body: NewPublication.nullish(),
        response: { 202: TaskSummary, ...problemAnswers },
      },
    },
    async (request, reply) => {
      const caller = callerOf(request);
      const { id } = await getTask(db, caller, request.params.task, limits);
      await db.transaction(async (tx) => {
        await askPublication(tx, id, caller.id, request.body?.attempt ?? null);
        await record(tx, caller.id, "publication.asked", id);
        crashAt("publication: asking");
      });
      crashAt("publication: asked");
      return reply.code(202).send(await getTask(db, caller, id, limits));
    },
  );

  app.get(
    "/tasks/:task/attempts/:number/patch",
    {
      schema: {
        summary: "The change as a binary-safe git patch",
        params: byId.extend({ number: z.coerce.number().int().min(1) }),
        querystring: z.object({ turn: z.coerce.number().int().min(1).optional().describe("Default: the last one") }),
        produces: ["text/x-diff"],
        response: { 200: z.instanceof(Readable), ...problemAnswers },
      },
    },
    async (request, reply) => {
      const { id, turn: last } = await getTask(db, callerOf(request), request.params.task, limits);
      const [row] = await db.query<{ patch: string | null }>(sql`
        select patch from attempt where task_id = ${id} and number = ${request.params.number} and turn = ${request.query.turn ?? last}`);
      if (!row?.patch) throw new UserError("not-found", `attempt ${request.params.number} of task ${id} has no change (yet)`);
      const blob = await readBlob(db, id, row.patch, "patch");
      return reply.type("text/x-diff").header("content-length", blob.bytes).send(Readable.from(blob.chunks));
    },
  );

  app.get(
    "/tasks/:task/outputs/:blob",
    {
      schema: {
        summary: "The whole output of a command",
        params: byId.extend({ blob: z.string().max(100) }),
        produces: ["application/octet-stream"],
        response: { 200: z.instanceof(Readable), ...problemAnswers },
      },
    },
    async (request, reply) => {
      const { id } = await getTask(db, callerOf(request), request.params.task, limits);
      const blob = await readBlob(db, id, request.params.blob, "output");
      return reply
        .type("application/octet-stream")
        .header("content-disposition", "attachment")
        .header("content-length", blob.bytes)
        .send(Readable.from(blob.chunks));
    },
  );
}

type Deed = Parameters<typeof cancelTask>;
