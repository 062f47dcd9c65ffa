import type { EngineEvent } from "@farhand/protocol";

/** Whatever JSON can say. */
export type Json = Extract<EngineEvent, { type: "tool.started" }>["input"];

/** What went wrong in at most 2,000 characters, without a stack. */
export function messageOf(error: unknown): string {
  const message = error instanceof Error ? error.message || error.name : String(error);
  return message.length > 2_000 ? `${message.slice(0, 2_000)}...` : message;
}
