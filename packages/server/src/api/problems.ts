import { Problem } from "@farhand/protocol";
import type { FastifyError, FastifyInstance, FastifyReply } from "fastify";
import { hasZodFastifySchemaValidationErrors } from "fastify-type-provider-zod";
import { UserError } from "../domain/user-error.ts";
import { isConnectionFault, isDiskFull } from "../store/db.ts";

const STATUS: Record<UserError["code"], number> = { invalid: 422, forbidden: 403, "not-found": 404, conflict: 409, unavailable: 503 };
const TITLE: Record<number, string> = {
  400: "Bad request",
  401: "Not signed in",
  403: "Not allowed",
  404: "Not found",
  409: "Conflict",
  413: "Too large",
  415: "Wrong content type",
  421: "Unknown host",
  422: "Not valid",
  429: "Too many tries",
  503: "Not available",
};

/** The caller tried too often. */
export class TooMany extends Error {
  override readonly name = "TooMany";
  constructor(seconds: number) {
    super(`too many tries from here: wait ${seconds} s and try again`);
  }
}

/** Every error leaves as a problem document (RFC 9457); what is no fault of the caller is logged once and named by the request's id only. */
export function answerWithProblems(app: FastifyInstance): void {
  app.setErrorHandler<FastifyError | UserError | TooMany>((error, request, reply) => {
    if (error instanceof UserError) return problem(reply, STATUS[error.code], error.code, error.message);
    if (error instanceof TooMany) return problem(reply, 429, "too-many", error.message);
    if (hasZodFastifySchemaValidationErrors(error)) {
      const faults = error.validation.map(
        (fault) => `${fault.instancePath.slice(1).replaceAll("/", ".") || error.validationContext}: ${fault.message}`,
      );
      return problem(reply, 422, "invalid", faults.join("; "));
    }
    if (isDiskFull(error)) {
      request.log.error({ err: error }, "the database's disk is full");
      return problem(
        reply,
        503,
        "unavailable",
        "the disk of the service is full, so this could not be stored: its operator must make room",
      );
    }
    if (isConnectionFault(error)) {
      request.log.warn({ err: error }, "the database does not answer");
      return problem(
        reply.header("retry-after", "2"),
        503,
        "unavailable",
        "the database does not answer at the moment; nothing was changed that is not shown: try again in a moment",
      );
    }
    if ("statusCode" in error && error.statusCode && error.statusCode < 500)
      return problem(reply, error.statusCode, codeOf(error), messageOf(error));
    request.log.error({ err: error }, "request failed");
    return problem(reply, 500, "internal-error", `this is a fault of the service; its log says more under request ${request.id}`);
  });
  app.setNotFoundHandler((request, reply) =>
    problem(reply, 404, "not-found", `there is no ${request.method} ${request.url.split("?")[0]}`),
  );
}

/** Sends a problem document. */
export function problem(reply: FastifyReply, status: number, code: string, detail: string): FastifyReply {
  const body: Problem = { type: "about:blank", title: TITLE[status] ?? "Error", status, detail, code };
  return reply
    .code(status)
    .type("application/problem+json")
    .serializer((value: unknown) => JSON.stringify(value))
    .send(body);
}

function codeOf(error: FastifyError): string {
  return error.code === "FST_ERR_CTP_BODY_TOO_LARGE" ? "too-large" : "invalid";
}

function messageOf(error: FastifyError): string {
  return error.code === "FST_ERR_CTP_BODY_TOO_LARGE" ? "the request is larger than 2 MiB" : error.message;
}

/** The errors that any route may answer with, for the OpenAPI document. */
export const problemAnswers = {
  "4xx": Problem.describe("What is wrong with the request, in `detail`"),
  "5xx": Problem.describe("The service failed"),
};
