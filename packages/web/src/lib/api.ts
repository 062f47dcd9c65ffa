import { ApiError, connect, Unreachable } from "@farhand/protocol";
import type { z } from "zod";

/** The service that this page came from; the session cookie goes with every call. */
export const client = connect({ url: globalThis.location.origin, token: "" });

type Method = "GET" | "POST" | "PATCH" | "DELETE";

/** A call that answers with nothing. Throws ApiError with the service's own words, or Unreachable. */
export async function tell(method: Method, path: string, body?: unknown): Promise<void> {
  await (await answerTo(method, path, body)).body?.cancel();
}

/** A call that answers with JSON of the schema's shape. Throws ApiError with the service's own words, or Unreachable. */
export async function ask<S extends z.ZodType>(method: Method, path: string, schema: S, body?: unknown): Promise<z.output<S>> {
  const response = await answerTo(method, path, body);
  const parsed = schema.safeParse(await response.json().catch(() => undefined));
  if (parsed.success) return parsed.data;
  throw new Unreachable("the answer is not understood: reload the page, it may be of another version than the service", {
    cause: parsed.error,
  });
}

async function answerTo(method: Method, path: string, body: unknown): Promise<Response> {
  const headers: Record<string, string> = { accept: "application/json" };
  if (body !== undefined) headers["content-type"] = "application/json";
  let response: Response;
  try {
    response = await fetch(`/api/v1${path}`, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  } catch (cause) {
    throw new Unreachable("no answer from the service: check that it runs and that you are connected", { cause });
  }
  if (response.ok) return response;
  const problem = (await response.json().catch(() => null)) as { detail?: unknown; code?: unknown } | null;
  throw new ApiError({
    status: response.status,
    code: typeof problem?.code === "string" ? problem.code : `http-${response.status}`,
    detail: typeof problem?.detail === "string" ? problem.detail : `the service answered with status ${response.status}`,
  });
}

/** The session has ended, or never was. */
export function isSignedOut(error: unknown): boolean {
  return error instanceof ApiError && error.status === 401;
}
