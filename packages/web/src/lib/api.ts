import { ApiError, connect } from "@farhand/protocol";

/** The service that this page came from; the session cookie goes with every call. */
export const client = connect({ url: globalThis.location.origin, token: "" });

/** The session has ended, or never was. */
export function isSignedOut(error: unknown): boolean {
  return error instanceof ApiError && error.status === 401;
}
