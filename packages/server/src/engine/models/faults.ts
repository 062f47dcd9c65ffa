import { APICallError, EmptyResponseBodyError, InvalidResponseDataError, JSONParseError, TypeValidationError } from "@ai-sdk/provider";
import { messageOf } from "../text.ts";

/** What went wrong with a request: `passing`: the same may succeed later; `waitMs`: the provider says when. Details are for people. */
export type Fault =
  | { kind: "passing"; detail: string; waitMs: number | null }
  | { kind: "context-full"; detail: string }
  | { kind: "lasting"; detail: string };

/** A reply that broke off or has no end. */
export class BadReply extends Error {
  override readonly name = "BadReply";
  readonly passing: boolean;

  constructor(message: string, passing: boolean) {
    super(message);
    this.passing = passing;
  }
}

/** In the words of OpenAI, Anthropic, vLLM, llama.cpp, OpenRouter and those that imitate them. */
const TOO_LONG =
  /context_length_exceeded|exceed_context_size|prompt is too long|maximum context length|context (window|size|length) (is )?exceed|exceeds? the (available |model'?s? )?(maximum )?context|input (is )?too long|request_too_large/i;
const NO_CREDIT = /insufficient_quota|credit balance is too low|billing_hard_limit|exceeded your current quota/i;
const PASSING_TYPES = /overloaded|rate_limit|server_error|api_error|timeout/i;
const PASSING_CODES = /ECONN|EPIPE|ETIMEDOUT|EAI_AGAIN|ENOTFOUND|UND_ERR|terminated|socket|network|fetch failed/i;
const LONGEST_DETAIL = 500;

/** Sorts what a provider's package threw or put into its stream. */
export function faultOf(error: unknown): Fault {
  if (error instanceof BadReply) return error.passing ? passing(error.message) : { kind: "lasting", detail: error.message };
  const status = statusOf(error);
  const said = short(saidBy(error));
  const detail = status === null ? said : `${status}: ${said}`;
  const all = `${said}\n${bodyOf(error)}`;
  if ((status === null || status === 400 || status === 413 || status === 422 || status >= 500) && TOO_LONG.test(all))
    return { kind: "context-full", detail };
  if (NO_CREDIT.test(all) || status === 402) return { kind: "lasting", detail: `${detail} (no credit is left)` };
  if (status === 401) return { kind: "lasting", detail: "401: the key was refused" };
  if (status === 408 || status === 409 || status === 429 || (status !== null && status >= 500)) return passing(detail, waitOf(error));
  if (status !== null) return { kind: "lasting", detail };
  if (/unexpected redirect/i.test(said)) return { kind: "lasting", detail: "it redirects to another address: give that one" };
  const isPassing =
    isBadAnswer(error) || isMarkedRetryable(error) || PASSING_TYPES.test(typeOf(error)) || PASSING_CODES.test(`${codeOf(error)} ${said}`);
  return isPassing ? passing(detail) : { kind: "lasting", detail };
}

/** It answered that all is well, and then not as it should. */
function isBadAnswer(error: unknown): boolean {
  const kinds = [APICallError, EmptyResponseBodyError, InvalidResponseDataError, JSONParseError, TypeValidationError];
  return kinds.some((kind) => kind.isInstance(error));
}

function passing(detail: string, waitMs: number | null = null): Fault {
  return { kind: "passing", detail, waitMs };
}

type Fields = { statusCode?: unknown; isRetryable?: unknown; type?: unknown; code?: unknown; message?: unknown; error?: unknown };

function fieldsOf(error: unknown): Fields {
  return typeof error === "object" && error !== null ? error : {};
}

function statusOf(error: unknown): number | null {
  const { statusCode, code } = fieldsOf(error);
  if (typeof statusCode === "number") return statusCode < 400 ? null : statusCode;
  return typeof code === "number" && code >= 400 && code <= 599 ? code : null; // OpenRouter, in the stream
}

function saidBy(error: unknown): string {
  const { message } = fieldsOf(error);
  if (typeof message === "string" && message !== "") {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : "";
    return cause === "" || message.includes(cause) ? message : `${message}: ${cause}`;
  }
  return typeof error === "string" ? error : error instanceof Error ? messageOf(error) : JSON.stringify(error);
}

function bodyOf(error: unknown): string {
  return APICallError.isInstance(error) ? (error.responseBody ?? "") : JSON.stringify(fieldsOf(error).code ?? "");
}

function typeOf(error: unknown): string {
  const { type } = fieldsOf(error);
  return typeof type === "string" ? type : "";
}

function codeOf(error: unknown): string {
  const { code } = fieldsOf(error);
  const cause = error instanceof Error ? fieldsOf(error.cause).code : undefined;
  return `${code ?? ""} ${cause ?? ""}`;
}

function isMarkedRetryable(error: unknown): boolean {
  return fieldsOf(error).isRetryable === true;
}

/** What `retry-after` says, in seconds or as a date. */
function waitOf(error: unknown): number | null {
  if (!APICallError.isInstance(error)) return null;
  const { "retry-after-ms": inMs, "retry-after": after } = error.responseHeaders ?? {};
  const ms = inMs !== undefined ? Number(inMs) : after === undefined ? Number.NaN : Number(after) * 1000;
  if (Number.isFinite(ms)) return Math.max(0, ms);
  const date = after === undefined ? Number.NaN : Date.parse(after);
  return Number.isNaN(date) ? null : Math.max(0, date - Date.now());
}

function short(text: string): string {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length > LONGEST_DETAIL ? `${line.slice(0, LONGEST_DETAIL)}…` : line;
}
