/** The caller's mistake, or a state of things that only the caller can mend. The message names the thing and the way out, and is shown as it is. */
export class UserError extends Error {
  override readonly name = "UserError";
  readonly code: "invalid" | "forbidden" | "not-found" | "conflict" | "unavailable";

  constructor(code: UserError["code"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
