import { ApiError, Unreachable } from "@farhand/protocol";

/** Exit codes: the task or the request failed / the command line is wrong. */
export const FAILED = 1;
export const USAGE = 2;
/** As a shell reports it for Ctrl-C. */
export const INTERRUPTED = 130;

/** The message names the thing and the way out; it is all that the user sees. */
export class Failure extends Error {
  override readonly name = "Failure";
  readonly exitCode: number;
  constructor(message: string, exitCode: number = FAILED, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

export type Reported = { message: string; code: string; exitCode: number };

/** What is told about an error, without a stack. */
export function reported(error: unknown): Reported {
  if (error instanceof Failure)
    return { message: error.message, code: error.exitCode === USAGE ? "usage" : "failed", exitCode: error.exitCode };
  if (error instanceof ApiError) return { message: `${error.message}${wayOut(error)}`, code: error.code, exitCode: FAILED };
  if (error instanceof Unreachable) return { message: error.message, code: "unreachable", exitCode: FAILED };
  return {
    message: `unexpected error: ${error instanceof Error ? error.message || error.name : String(error)}`,
    code: "internal",
    exitCode: FAILED,
  };
}

function wayOut(error: ApiError): string {
  if (error.status === 401) return '\nThe token is missing, wrong or revoked: "farhand login URL" stores a new one.';
  return "";
}
