import type { z } from "zod";
import { Problem } from "./api.ts";

/** The service answered with a problem document. `message` is its `detail`: a sentence for people. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: number;
  /** Stable; "http-502" and the like where somebody else than Farhand answered. */
  readonly code: string;
  readonly detail: string;
  constructor(problem: Pick<Problem, "status" | "code" | "detail">, options?: ErrorOptions) {
    super(problem.detail, options);
    this.status = problem.status;
    this.code = problem.code;
    this.detail = problem.detail;
  }
}

/** No answer, or none that can be understood. `message` says which service and the way out. */
export class Unreachable extends Error {
  override readonly name = "Unreachable";
  /** The same call may succeed in a moment: nothing but the connection is wrong. */
  readonly passing: boolean;
  constructor(message: string, options: ErrorOptions & { passing?: boolean } = {}) {
    super(message, options);
    this.passing = options.passing ?? false;
  }
}

export type Call = {
  method: "GET" | "POST" | "PATCH" | "DELETE";
  /** Beneath /api/v1, with its query. */
  path: string;
  body?: unknown;
  headers?: Record<string, string>;
  /** The service may get this call twice without harm. */
  repeatable: boolean;
  /** 0 = as long as it takes. */
  limitMs: number;
};

export type Service = {
  /** With no slash at its end. */
  url: string;
  token: string;
  fetch: typeof fetch;
  /** Wait before the first repeat; doubled with each. */
  retryMs: number;
};

const TRIES = 5;

/** The query with every value that is there. */
export function query(values: Record<string, string | number | boolean | null | undefined>): string {
  const given = Object.entries(values).filter(([, value]) => value !== undefined && value !== null);
  return given.length === 0 ? "" : `?${new URLSearchParams(given.map(([key, value]) => [key, String(value)] as [string, string]))}`;
}

/**
 * Sends a call and reads its answer with `read`. A connection lost on the way is tried again where the call is `repeatable`; an address where nobody
 * listens is reported at once. Throws ApiError, Unreachable, or the signal's reason.
 */
export async function send<T>(service: Service, call: Call, read: (response: Response) => Promise<T>, signal?: AbortSignal): Promise<T> {
  for (let tried = 1; ; tried++) {
    const limit = call.limitMs > 0 ? AbortSignal.timeout(call.limitMs) : null;
    const signals = [signal, limit].filter((one) => one != null);
    try {
      return await read(await open(service, call, signals.length > 0 ? AbortSignal.any(signals) : undefined));
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof ApiError || error instanceof Unreachable) throw error;
      if (limit?.aborted)
        throw new Unreachable(`Farhand at ${service.url} did not answer within ${call.limitMs / 1000} s`, { cause: error, passing: true });
      if (!call.repeatable || tried === TRIES || (tried === 1 && isSettled(error))) throw unreachable(service.url, error);
    }
    await pause(service.retryMs * 2 ** (tried - 1) * (0.5 + Math.random() / 2), signal);
  }
}

/** Sends once and returns an answer of success; its body is still to be read. Network errors pass through as `fetch` throws them. */
export async function open(service: Service, call: Call, signal?: AbortSignal): Promise<Response> {
  const headers: Record<string, string> = { accept: "application/json", ...call.headers };
  if (service.token) headers.authorization = `Bearer ${service.token}`;
  if (call.body !== undefined) headers["content-type"] = "application/json";
  const response = await service.fetch(`${service.url}/api/v1${call.path}`, {
    method: call.method,
    headers,
    redirect: "manual", // a redirect would lose the body or send it elsewhere: say so instead
    ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
    ...(signal ? { signal } : {}),
  });
  if (response.ok) return response;
  if (response.type === "opaqueredirect" || (response.status >= 300 && response.status < 400)) {
    await response.body?.cancel();
    throw new Unreachable(`${service.url} redirects to ${response.headers.get("location") ?? "another address"}: use that address`);
  }
  throw await problemOf(service, call, response);
}

/** Reads JSON that has the schema's shape. */
export function json<S extends z.ZodType>(service: Service, schema: S): (response: Response) => Promise<z.output<S>> {
  return async (response) => {
    const text = await response.text();
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (cause) {
      throw new Unreachable(`${service.url} does not answer as Farhand does: check the address`, { cause });
    }
    const parsed = schema.safeParse(value);
    if (parsed.success) return parsed.data;
    const [issue] = parsed.error.issues;
    const where = issue ? ` (${issue.path.join(".") || "answer"}: ${issue.message})` : "";
    throw new Unreachable(`the answer of ${service.url} is not understood${where}: client and service may be of different versions`, {
      cause: parsed.error,
    });
  };
}

/** What `fetch` threw, as an error that a person understands. */
export function unreachable(url: string, cause: unknown): Unreachable {
  const code = causeCode(cause);
  if (/^(EPROTO|ERR_SSL)/.test(code))
    return new Unreachable(`${url} does not speak https (${code}): is the address one with http://?`, { cause });
  if (/CERT|ALTNAME|ISSUER/.test(code)) {
    const way = "set NODE_EXTRA_CA_CERTS to a file with the certificate of your own authority";
    return new Unreachable(`the certificate of ${url} is not trusted (${code}): ${way}`, { cause });
  }
  return new Unreachable(`cannot reach Farhand at ${url}${code ? ` (${code})` : ""}: is it running? (npm start)`, { cause, passing: true });
}

/** Resolves after `ms`; rejects with the signal's reason. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal?.addEventListener("abort", stop, { once: true });
  });
}

async function problemOf(service: Service, call: Call, response: Response): Promise<ApiError> {
  const text = await response.text();
  let value: unknown = null;
  try {
    value = JSON.parse(text);
  } catch {} // a proxy's page
  const problem = Problem.partial({ type: true, title: true }).safeParse(value);
  if (problem.success) return new ApiError(problem.data);
  const detail = `${service.url} answered ${call.method} ${call.path} with status ${response.status}, and not as Farhand does`;
  return new ApiError({ status: response.status, code: `http-${response.status}`, detail });
}

/** Trying again at once would change nothing. */
function isSettled(error: unknown): boolean {
  return /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|ENETUNREACH|EHOSTUNREACH|EPROTO|ERR_SSL)|CERT|ALTNAME|ISSUER/.test(causeCode(error));
}

/** Node names the cause of a failed fetch; a browser does not. */
function causeCode(error: unknown): string {
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth++) {
    if ("code" in at && typeof at.code === "string") return at.code;
    if (at instanceof AggregateError && at.errors.length > 0) return causeCode(at.errors[0]);
  }
  return "";
}
