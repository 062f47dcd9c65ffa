import { z } from "zod";
import { readStored, writeStored } from "../../lib/stored.ts";

const MOST = 8;
const MOST_CHARACTERS = 10_000;

/** What was asked for lately in this browser, the latest first. */
export function recentPrompts(): string[] {
  return readStored("prompts", z.array(z.string())) ?? [];
}

export function rememberPrompt(prompt: string): void {
  if (prompt.length > MOST_CHARACTERS) return;
  writeStored("prompts", [prompt, ...recentPrompts().filter((one) => one !== prompt)].slice(0, MOST));
}
