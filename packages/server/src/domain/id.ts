import { randomBytes } from "node:crypto";

const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"; // Crockford's base 32: nothing that is mistaken for something else

export type IdKind =
  | "task"
  | "att"
  | "env"
  | "repo"
  | "usr"
  | "tok"
  | "sec"
  | "blob"
  | "rep"
  | "pub"
  | "probe"
  | "trial"
  | "ses"
  | "acc"
  | "ver"
  | "stack"
  | "layer";

/** A new id such as `task_8k2m…`: 80 random bits in 16 characters after the kind. */
export function newId(kind: IdKind): string {
  return `${kind}_${Array.from(randomBytes(16), (byte) => ALPHABET[byte % 32]).join("")}`;
}
