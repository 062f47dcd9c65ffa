import type { Question } from "@farhand/protocol";
import { z } from "zod";
import type { ToolCall } from "../models/model.ts";
import { answering, type Tool } from "./tool.ts";

const AskUserInput = z.strictObject({
  question: z.string().trim().min(1).max(4000),
  options: z.array(z.string().trim().min(1).max(200)).max(6).default([]).describe("Answers to choose from"),
});

/** Carried out by the loop, which ends the run until there is an answer; here only what cannot be asked so comes. */
export const askUserTool: Tool<z.infer<typeof AskUserInput>> = {
  name: "ask_user",
  description:
    "Asks the user one question and waits, maybe for days. Only for a decision that is theirs and without which you cannot go on; else decide, and say so at the end. Must be the last call of a reply.",
  input: AskUserInput,
  readsOnly: true,
  run: answering(async () => {
    throw new Error("Not asked: it must be the last call of a reply, and the only question in it.");
  }),
};

/** What a reply asks the user with its last call; null = nothing. */
export function questionIn(calls: readonly ToolCall[], step: number, tools: readonly Tool[]): Question | null {
  const last = calls.at(-1);
  if (last?.name !== askUserTool.name || !tools.includes(askUserTool)) return null;
  const input = AskUserInput.safeParse(last.input);
  if (!input.success) return null;
  return { call: `${step}.${calls.length}`, id: last.id, text: input.data.question, options: input.data.options };
}
