import type { EngineEvent, Exit } from "@farhand/protocol";

/** Whatever JSON can say. */
export type Json = Extract<EngineEvent, { type: "tool.started" }>["input"];

/** What went wrong in at most 2,000 characters, without a stack. */
export function messageOf(error: unknown): string {
  const message = error instanceof Error ? error.message || error.name : String(error);
  return message.length > 2_000 ? `${message.slice(0, 2_000)}...` : message;
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
