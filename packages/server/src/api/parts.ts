import type { FastifyBaseLogger, FastifyInstance, RawReplyDefaultExpression, RawRequestDefaultExpression, RawServerDefault } from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import type { AccessWatch } from "../store/access.ts";
import type { Db } from "../store/db.ts";
import type { EventFeeds } from "../store/event-log.ts";
import type { QueueLimits } from "../store/tasks.ts";
import type { Page } from "./page-files.ts";
import type { SignIn } from "./sign-in.ts";

/** What the routes may touch. */
export type ApiParts = { db: Db; feeds: EventFeeds; limits: QueueLimits; access: AccessWatch; signIn: SignIn; page: Page | null };

export type Api = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  ZodTypeProvider
>;
