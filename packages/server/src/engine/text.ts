import type { EngineEvent, Exit } from "@farhand/protocol";

export type Json = Extract<EngineEvent, { type: "tool.started" }>["input"];

/** The text as PostgreSQL can keep it in `text` and `jsonb`: NUL and lone surrogates become U+FFFD. */
export function storable(text: string): string {
  return text.replaceAll("\0", "\ufffd").toWellFormed();
}

/** `storable` for every string and every name within. */
export function storableJson(value: Json): Json {
  if (typeof value === "string") return storable(value);
  if (Array.isArray(value)) return value.map(storableJson);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [storable(name), storableJson(inner)]));
}

/** What went wrong in one line of at most 2,000 characters, without a stack. */
export function messageOf(error: unknown): string {
  const message = error instanceof Error ? error.message || error.name : String(error);
  return storable(message.length > 2_000 ? `${message.slice(0, 2_000)}...` : message);
}

/** How a command ended, as the end of a sentence: "it ...". */
export function exitInWords(exit: Exit): string {
  switch (exit.kind) {
    case "exited":
      return `exited with code ${exit.code}`;
    case "signalled":
      return `was killed by ${exit.signal}`;
    case "timed-out":
      return "ran into its time limit and was stopped";
    case "cancelled":
      return "was cancelled";
    default:
      return exit satisfies never;
  }
}

/** True only for exit code 0. */
export function passed(exit: Exit | null): boolean {
  return exit?.kind === "exited" && exit.code === 0;
}
