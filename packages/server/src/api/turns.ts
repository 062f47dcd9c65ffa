import { AttemptChoice, NewMessage, NewTurn, StepsKept, TaskSummary } from "@farhand/protocol";
import { z } from "zod";
import { imagesOf } from "../domain/images.ts";
import { chooseModel } from "../domain/models.ts";
import { UserError } from "../domain/user-error.ts";
import { record } from "../store/audit.ts";
import { stepsKept } from "../store/checkpoints.ts";
import { modelList } from "../store/models.ts";
import { addReply } from "../store/replies.ts";
import { getTask } from "../store/tasks.ts";
import { chooseAttempt, createTurn, retryTurn } from "../store/turns.ts";
import { callerOf } from "./auth.ts";
import { once } from "./idempotency.ts";
import { MAX_BODY_WITH_IMAGES } from "./images.ts";
import type { Api, ApiParts } from "./parts.ts";
import { problemAnswers } from "./problems.ts";

const byId = z.object({ task: z.string().min(1).max(100) });

/** How a task goes on: the next turn, the last one again, a word in the middle of the work, the choice among attempts. */
export function turnRoutes(app: Api, { db, limits }: ApiParts): void {
  app.post(
    "/tasks/:task/turns",
    {
      bodyLimit: MAX_BODY_WITH_IMAGES,
      schema: {
        summary: "Go on from an attempt of the last turn, when that has ended",
        params: byId,
        body: NewTurn,
        response: { 201: TaskSummary, ...problemAnswers },
      },
    },
    async (request, reply) => {
      const caller = callerOf(request);
      const { model, effort } = request.body;
      const images = imagesOf(request.body.images ?? []);
      const { id, model: before } = await getTask(db, caller, request.params.task, limits);
      if (model !== undefined || effort) chooseModel(await modelList(db), model ?? before, effort ?? undefined);
      const task = await once(db, caller, request, async (tx) => {
        await createTurn(tx, caller, id, { ...request.body, images });
        await record(tx, caller.id, "turn.started", id);
        return getTask(tx, caller, id, limits);
      });
      return reply.code(201).send(task);
    },
  );

  app.get(
    "/tasks/:task/attempts/:number/steps",
    {
      schema: {
        summary: "The steps of an attempt of the last turn that the next turn can go back to (fromStep)",
        params: byId.extend({ number: z.coerce.number().int().min(1) }),
        response: { 200: StepsKept, ...problemAnswers },
      },
    },
    async (request) => {
      const { id, turn, attempts } = await getTask(db, callerOf(request), request.params.task, limits);
      const attempt = attempts.find(({ number }) => number === request.params.number);
      if (!attempt) throw new UserError("not-found", `the last turn of task ${id} has no attempt ${request.params.number}`);
      const kept = await stepsKept(db, id, { id: attempt.id, turn, number: attempt.number });
      return { steps: kept.map(({ step }) => step) };
    },
  );

  app.post(
    "/tasks/:task/retry",
    {
      schema: {
        summary: "Ask again what the last turn asked, when all of its attempts failed or were cancelled, from where it began",
        params: byId,
        response: { 201: TaskSummary, ...problemAnswers },
      },
    },
    async (request, reply) => {
      const caller = callerOf(request);
      const { id } = await getTask(db, caller, request.params.task, limits);
      const task = await once(db, caller, request, async (tx) => {
        await retryTurn(tx, caller, id);
        await record(tx, caller.id, "turn.retried", id);
        return getTask(tx, caller, id, limits);
      });
      return reply.code(201).send(task);
    },
  );

  app.post(
    "/tasks/:task/messages",
    {
      schema: {
        summary: "Say something to the agent while it works: it is told before its next step",
        params: byId,
        body: NewMessage,
        response: { 201: TaskSummary, ...problemAnswers },
      },
    },
    async (request, reply) => {
      const caller = callerOf(request);
      const { text, attempt } = request.body;
      const { id } = await getTask(db, caller, request.params.task, limits);
      const task = await once(db, caller, request, async (tx) => {
        await addReply(tx, caller, id, text, attempt ?? null);
        return getTask(tx, caller, id, limits);
      });
      return reply.code(201).send(task);
    },
  );

  app.post(
    "/tasks/:task/choice",
    {
      schema: {
        summary: "Choose an attempt of the last turn: it is published and gone on from",
        params: byId,
        body: AttemptChoice,
        response: { 200: TaskSummary, ...problemAnswers },
      },
    },
    async (request) => {
      const caller = callerOf(request);
      const { id } = await getTask(db, caller, request.params.task, limits);
      await db.transaction((tx) => chooseAttempt(tx, caller, id, request.body.attempt));
      return getTask(db, caller, id, limits);
    },
  );
}
